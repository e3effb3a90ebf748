"""Exercises that answer back: `check` an answer, ask for a `hint`, `start` a chapter, see the `progress`."""

from gan_tutor.classroom.desk import WrongAnswer, check, hint, progress, start

__all__ = ["WrongAnswer", "check", "hint", "progress", "start"]
