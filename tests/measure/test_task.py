"""Whether a classifier does its task, and in which order its classes are."""

import numpy as np
import pytest

from remnant.measure.task import TaskAccuracy, task_of


def test_the_task_is_held_against_one_who_answers_as_often_each_way():
    labels = np.array([0, 1] * 20)
    sure = np.where(labels, 3.0, -3.0)[:, None]
    assert task_of(sure, labels, range(40)).done and task_of(sure, labels, range(40)) == TaskAccuracy(40, 40, 0.5)
    always = task_of(np.full((40, 1), 3.0), np.array([1] * 36 + [0] * 4), range(40))
    assert always.right == 36 and always.by_chance == pytest.approx(0.9) and not always.done
    assert task_of(np.hstack([-sure, sure]), labels, range(40)).done
    several = task_of(np.hstack([sure, -sure]), np.stack([labels, 1 - labels], axis=1), range(40))
    assert several.done and several.asked == 80


def test_who_is_always_right_about_one_class_alone_is_no_better_than_chance():
    assert not task_of(np.full((40, 1), 3.0), np.ones(40), range(40)).done


@pytest.mark.parametrize(
    ("right", "done", "against", "clear"),
    [(19, True, False, True), (15, True, False, True), (14, False, False, False), (1, False, True, True)],
)
def test_by_a_binomial_test_of_either_side(right, done, against, clear):
    task = TaskAccuracy(right, 20, 0.5)
    assert (task.done, task.against, task.clear) == (done, against, clear)


def test_images_of_a_patient_that_are_answered_alike_count_as_one():
    patients = np.repeat(np.arange(3), 10)
    labels = (patients % 2).astype(float)
    sure = np.where(labels, 3.0, -3.0)[:, None]
    task = task_of(sure, labels, patients)
    assert (task.right, task.asked) == (30, 30) and task.design_effect == pytest.approx(10) and not task.done
    random, done, clear = np.random.default_rng(0), 0, 0
    for _ in range(300):
        patients = np.repeat(np.arange(20), 5)
        labels = random.integers(0, 2, 20).astype(float)[patients]
        logits = random.normal(size=20)[patients][:, None] + random.normal(scale=0.3, size=(100, 1))
        task = task_of(logits, labels, patients)
        done, clear = done + task.done, clear + task.clear
    # At 5% of those who know nothing, and 2.5 standard errors.
    assert done <= 24 and clear <= 24
