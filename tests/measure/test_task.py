"""Whether a classifier does its task, and in which order its classes are."""

import numpy as np
import pytest

from remnant.measure.task import Task, task_of


def test_the_task_is_held_against_one_who_answers_as_often_each_way():
    labels = np.array([0, 1] * 20)
    sure = np.where(labels, 3.0, -3.0)[:, None]
    assert task_of(sure, labels).done and task_of(sure, labels) == Task(40, 40, 0.5)
    always = task_of(np.full((40, 1), 3.0), np.array([1] * 36 + [0] * 4))
    assert always.right == 36 and always.by_chance == pytest.approx(0.9) and not always.done
    assert task_of(np.hstack([-sure, sure]), labels).done
    several = task_of(np.hstack([sure, -sure]), np.stack([labels, 1 - labels], axis=1))
    assert several.done and several.asked == 80


def test_who_is_always_right_about_one_class_alone_is_no_better_than_chance():
    assert not task_of(np.full((40, 1), 3.0), np.ones(40)).done


@pytest.mark.parametrize(
    ("right", "done", "against", "clear"),
    [(19, True, False, True), (15, True, False, True), (14, False, False, False), (1, False, True, True)],
)
def test_by_a_binomial_test_of_either_side(right, done, against, clear):
    task = Task(right, 20, 0.5)
    assert (task.done, task.against, task.clear) == (done, against, clear)
