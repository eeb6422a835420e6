"""The stages of segmentation: an optical teacher, reconstruction without labels, a SAR student."""
