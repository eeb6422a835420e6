"""What a student costs on a device: ``python -m ackd.profile``.

`count` has what follows from the network alone, `child` runs one file in a process of its own, and
`measure` puts both together for all variants. What is used from Python is imported when it is asked
for: ``--help`` needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ackd.utils.targets import lazily

if TYPE_CHECKING:
    from ackd.profile.measure import Profile, Variant, profile_student

__all__ = ["Profile", "Variant", "profile_student"]

__getattr__ = lazily(__name__, {"measure": "Profile Variant profile_student"})
