"""Images and rasters through students."""
