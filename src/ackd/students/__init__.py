"""Trained students, to be used from Python: ``ackd.load_student(path)``.

`file` reads ``student.pt`` without running what a stranger may have put into it, and `load` makes a
student of it. `given` brings paths, images of Pillow, arrays and tensors to one form; `photographs`
and `tiles` make of them what the network was trained on, by the code that reads images for
training, and refuse what it was not trained on; `predictions` are the answers.
"""

from ackd.students.load import load_student
from ackd.students.predictions import MaskPrediction, ScenePrediction
from ackd.students.scenes import SceneStudent
from ackd.students.segmentation import SegmentationStudent
from ackd.students.student import Student

__all__ = [
    "MaskPrediction",
    "ScenePrediction",
    "SceneStudent",
    "SegmentationStudent",
    "Student",
    "load_student",
]
