"""What a report shows of ``python -m ackd.segment``: rows of the paper's table by network."""

from ackd.report.segmentation.section import section

__all__ = ["section"]
