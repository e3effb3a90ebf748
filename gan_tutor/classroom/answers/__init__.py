"""Spoilers: what the checks of each chapter compare with. Solve the exercises before you read on.

A chapter is a module here with a dict `ANSWERS` from an exercise's name to its right answer and its classic mistakes.
The grader hides this folder from the code that it grades.
"""
