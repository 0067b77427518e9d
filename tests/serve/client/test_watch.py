"""An archive that a test plays, watched: each series once, whatever happens in between."""

import json
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import httpx
import pydicom
import pytest
from tests.serve.client.played import by_brightness

from remnant.defenses.privacynet.networks import load_client
from remnant.serve.client.connection import TRIES, AwayError, ServerError
from remnant.serve.client.dicomweb import ListedSeries, NotTakenError
from remnant.serve.client.queue import ARRIVING, MADE, REFUSED, STORED, UNFIT, Queue
from remnant.serve.client.watch import ASIDE, QUEUE, RESULTS, Watch


class Played:
    """An archive of `folders` by series; what was put there is in `stored`, by SOP Instance UID, each time."""

    def __init__(self):
        self.folders, self.stored, self.failing = {}, [], []

    def matching(self, rules):
        return [ListedSeries("1", series, len(list(folder.iterdir())), {}) for series, folder in self.folders.items()]

    @contextmanager
    def fetched(self, study, series, beside):
        with tempfile.TemporaryDirectory(prefix=".tmp-", dir=beside) as name:
            for path in self.folders[series].iterdir():
                shutil.copy(path, name)
            yield Path(name)

    def store(self, path):
        if self.failing:
            raise self.failing.pop(0)
        self.stored.append((str(pydicom.dcmread(path).SOPInstanceUID), path.read_bytes()))


@pytest.fixture
def watch(pair, play, tmp_path):
    """A `Watch` of a played archive, and the played server that it asks."""
    archive, client, said = Played(), load_client(pair()), []
    server, remote = play(client.mark, by_brightness)
    made = Watch(archive, archive, client, remote, "segmenter", (), 60, tmp_path / "queue", said.append)
    made.folder.mkdir()
    return made, server, said


def start(watch, *times):
    """The watch's process from start to end, looking at these times; the states of all rows."""
    with Queue(watch.folder / QUEUE) as queue:
        watch.begin(queue)
        for now in times:
            watch.once(queue, now)
        return {row.series: state for state in (ARRIVING, MADE, STORED, REFUSED, UNFIT) for row in queue.of(state)}


def left(watch):
    return [path.name for path in (watch.folder / RESULTS).iterdir()]


def test_each_series_is_segmented_once_when_it_has_settled_and_a_restart_goes_on(watch, head):
    made, server, said = watch
    made.source.folders["2"] = head((0, 0, 8.0), "zq-a")
    last = sorted(made.source.folders["2"].iterdir())[-1]
    held = last.read_bytes()
    last.unlink()
    assert start(made, 0.0) == {"2": ARRIVING}
    last.write_bytes(held)
    assert start(made, 61.0, 119.0) == {"2": ARRIVING} and not server.requests
    assert start(made, 121.0, 200.0) == {"2": STORED}
    made.source.folders["3"] = head((0, 0, 8.0), "zq-b")
    assert start(made, 300.0, 400.0, 500.0) == {"2": STORED, "3": STORED}
    assert len(server.sent) == len(made.target.stored) == len({uid for uid, _ in made.target.stored}) == 2
    assert not left(made) and len(said) == 2 and "zq" not in "".join(said)
    assert (made.folder / RESULTS).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("moment", [MADE, STORED])
def test_a_kill_between_two_steps_stores_the_same_again(watch, head, monkeypatch, moment):
    """Before the queue knows of a result, and before it knows that the archive has it."""
    made, server, _ = watch
    made.source.folders["2"] = head((0, 0, 8.0))
    with monkeypatch.context() as patch:
        true = Queue.becomes

        def killed(queue, row, state, why=""):
            if state == moment:
                raise KeyboardInterrupt
            true(queue, row, state, why)

        patch.setattr(Queue, "becomes", killed)
        with pytest.raises(KeyboardInterrupt):
            start(made, 0.0, 61.0)
    (made.folder / RESULTS / ".tmp-left").mkdir()
    assert start(made, 62.0, 150.0) == {"2": STORED}
    # Of which the queue does not know is made anew, under the same identifiers.
    assert len(server.sent) == (2 if moment == MADE else 1) and not left(made)
    assert len(made.target.stored) == (2 if moment == STORED else 1) and len(set(made.target.stored)) == 1


def test_a_result_made_anew_has_the_same_identifiers(watch, head):
    made, _, _ = watch
    made.source.folders["2"] = head((0, 0, 8.0))
    start(made, 0.0, 61.0)
    (made.folder / QUEUE).unlink()
    start(made, 0.0, 61.0)
    first, second = made.target.stored
    assert first[0] == second[0]


def test_a_series_that_is_no_scan_is_set_aside_once_and_holds_nobody_up(watch, head):
    made, server, said = watch
    made.source.folders["2"] = head(change=lambda header, n: n != 7, folder="zq-a")
    made.source.folders["3"] = head((0, 0, 8.0), "zq-b")
    assert start(made, 0.0, 61.0, 130.0) == {"2": UNFIT, "3": STORED}
    assert len(server.sent) == 1 and sum("is set aside" in line and "lacks 1 slice" in line for line in said) == 1
    with Queue(made.folder / QUEUE) as queue:
        assert "lacks 1 slice" in queue.of(UNFIT)[0].why


def aside(watch):
    """What the list of those set aside says."""
    return json.loads((watch.folder / ASIDE).read_text())


def test_what_is_set_aside_stands_in_a_list_and_is_told_at_each_start(watch, head):
    made, _, said = watch
    made.source.folders["2"] = head((0, 0, 8.0), "zq-a")
    assert start(made, 0.0) == {"2": ARRIVING} and not (made.folder / ASIDE).exists()
    path, held = last_of(made.source.folders["2"])
    other, _ = last_of(made.source.folders["2"])
    path.write_bytes(held)  # one before the last lacks
    start(made, 61.0, 130.0)
    (one,) = aside(made)
    assert (one["number"], one["study"], one["series"], one["images"]) == (1, "1", "2", 19)
    assert "lacks 1 slice" in one["why"] and (made.folder / ASIDE).stat().st_mode & 0o077 == 0
    (made.folder / ASIDE).write_text("damaged")
    start(made, 140.0)
    assert said[1:] == [
        f"remnant: 1 series is set aside, with why in {made.folder / ASIDE}; start with --again to try once more."
    ]
    assert aside(made) == [one]
    other.write_bytes(held)
    start(made, 150.0)
    assert aside(made) == []  # it is on its way again


def test_a_code_that_the_segmenter_refuses_for_ever_holds_up_no_other(watch, head):
    made, server, said = watch
    made.source.folders |= {"2": head((0, 0, 8.0), "zq-a"), "3": head((0, 0, 8.0), "zq-b")}
    server.instead = [(200, server.described().model_dump_json().encode()), 400]
    assert start(made, 0.0, 61.0, 130.0) == {"2": UNFIT, "3": STORED}
    assert "series 1 of the queue is set aside" in said[0] and "refuses the request (400: So it is)" in said[0]
    assert aside(made)[0]["series"] == "2" and start(made, 200.0) == {"2": UNFIT, "3": STORED}
    assert start(replace(made, again=True), 300.0) == {"2": STORED, "3": STORED} and aside(made) == []


def test_a_segmenter_that_refuses_one_after_another_is_rather_at_fault_itself(watch, head):
    made, server, _ = watch
    one = head((0, 0, 8.0), "zq-a")
    made.source.folders |= dict.fromkeys("23456", one)
    described = (200, server.described().model_dump_json().encode())
    server.instead = [described, 500, described, 500]
    start(made, 0.0, 61.0)
    server.instead = [described, 500] * 3
    made.source.folders |= dict.fromkeys("789", one)
    with pytest.raises(ServerError, match=r"refused 3 series one after another, .*set-aside.json; .*--again"):
        start(made, 100.0, 200.0)
    assert len(aside(made)) == 5
    assert set(start(replace(made, again=True), 300.0).values()) == {STORED}


def test_what_somebody_else_left_beside_the_results_stays_and_stops_nobody(watch):
    made, _, _ = watch
    (made.folder / RESULTS / ".tmp-left").mkdir(parents=True)
    (made.folder / RESULTS / "7").mkdir()
    (made.folder / RESULTS / ".DS_Store").write_text("a file")
    (made.folder / RESULTS / "notes").mkdir()
    start(made)
    assert sorted(path.name for path in (made.folder / RESULTS).iterdir()) == [".DS_Store", "notes"]


def test_a_series_that_brings_the_segmenter_down_comes_after_the_others(watch, head):
    made, server, said = watch
    made.source.folders |= {"2": head((0, 0, 8.0), "zq-a"), "3": head((0, 0, 8.0), "zq-b")}
    described = (200, server.described().model_dump_json().encode())
    server.instead = [described, *[httpx.ReadError("cut off")] * TRIES]
    with Queue(made.folder / QUEUE) as queue:
        made.begin(queue)
        made.once(queue, 0.0)
        with pytest.raises(AwayError):
            made.once(queue, 61.0)
        made.once(queue, 62.0)
    assert said == [f"remnant: series {number} of the queue is segmented and stored." for number in (2, 1)]


def last_of(folder):
    """The last slice of a series, and its bytes, which is gone from there."""
    path = max(folder.iterdir(), key=lambda one: pydicom.dcmread(one).InstanceNumber)
    held = path.read_bytes()
    path.unlink()
    return path, held


def test_an_unfit_series_is_tried_again_when_more_of_it_comes_or_when_told_so(watch, head):
    made, server, said = watch
    folder = made.source.folders["2"] = head((0, 0, 8.0))
    lacking = sorted(folder.iterdir(), key=lambda one: pydicom.dcmread(one).InstanceNumber)[7]
    held = lacking.read_bytes()
    lacking.unlink()
    assert start(made, 0.0, 61.0, 130.0) == start(made, 200.0, 300.0) == {"2": UNFIT}
    assert [("is set aside: " in line) for line in said] == [True, False]
    assert start(replace(made, again=True), 400.0) == {"2": UNFIT} and "is set aside: " in said[2]
    lacking.write_bytes(held)
    assert start(made, 500.0) == {"2": ARRIVING} and start(made, 561.0) == {"2": STORED} and len(server.sent) == 1


def test_a_series_that_changed_after_it_was_stored_is_told_once_and_made_again_only_if_told_so(watch, head):
    made, server, said = watch
    folder = made.source.folders["2"] = head((0, 0, 8.0))
    path, held = last_of(folder)
    made.source.folders["3"] = head((0, 0, 8.0), "zq-b")
    assert start(made, 0.0, 61.0) == {"2": STORED, "3": STORED}
    path.write_bytes(held)
    start(made, 100.0, 120.0)
    assert len(said) == 2  # it may grow on
    assert start(made, 161.0, 170.0) == start(made, 180.0) == {"2": STORED, "3": STORED}
    assert said[2:] == [
        "remnant: series 1 of the queue has changed: it has 20 images now, and its result is of 19; check that one, and start "
        "with --again for another."
    ]
    assert len(server.sent) == 2
    again = replace(made, again=True)
    assert start(again, 200.0, 210.0, 300.0) == {"2": STORED, "3": STORED} and len(server.sent) == 3
    assert "series 1 of the queue is segmented again: it has 20 images now" in said[3] and len(said) == 5
    first, second = (pydicom.dcmread(BytesIO(made.target.stored[n][1])) for n in (0, 2))
    assert first.SOPInstanceUID != second.SOPInstanceUID and first.SeriesInstanceUID != second.SeriesInstanceUID
    described = [one.SeriesDescription for one in (first, second)]
    assert described == ["Privacy-Net segmentation", "Privacy-Net segmentation, edition 2"]
    assert len(second.ReferencedSeriesSequence[0].ReferencedInstanceSequence) == 20 and not left(made)


def test_a_result_that_the_archive_does_not_take_holds_up_no_other(watch, head):
    made, server, said = watch
    made.source.folders |= {"2": head((0, 0, 8.0), "zq-a"), "3": head((0, 0, 8.0), "zq-b")}
    made.target.failing = [NotTakenError("The archive does not take it.")]
    assert start(made, 0.0, 61.0, 130.0) == {"2": REFUSED, "3": STORED}
    assert len(said) == 2 and said[0].endswith("results/1: The archive does not take it.") and left(made) == ["1"]
    # The next start tries again, with what lies there.
    assert start(made, 131.0) == {"2": STORED, "3": STORED} and len(server.sent) == 2 and not left(made)


def test_a_result_that_someone_removed_is_made_again(watch, head):
    made, server, _ = watch
    made.source.folders["2"] = head((0, 0, 8.0))
    made.target.failing = [AwayError("The archive is away.")]
    with pytest.raises(AwayError):
        start(made, 0.0, 61.0)
    shutil.rmtree(made.folder / RESULTS / "1")
    assert start(made, 62.0) == {"2": STORED} and len(server.sent) == 2


AWAY = [AwayError("The server is away."), ServerError("The server knows no token.")]


@pytest.mark.parametrize("error", AWAY, ids=["away", "refused"])
@pytest.mark.parametrize("where", ["segmenter", "archive"])
def test_what_a_server_is_to_blame_for_loses_no_series(watch, head, monkeypatch, error, where):
    made, _, _ = watch
    made.source.folders["2"] = head((0, 0, 8.0))
    if where == "archive":
        made.target.failing = [error]
    else:
        server_asked = type(made.remote).segment

        def away(self, *given):
            monkeypatch.setattr(type(self), "segment", server_asked)
            raise error

        monkeypatch.setattr(type(made.remote), "segment", away)
    with pytest.raises(type(error)):
        start(made, 0.0, 61.0)
    assert start(made) == {"2": MADE if where == "archive" else ARRIVING}
    assert start(made, 62.0) == {"2": STORED} and len(made.target.stored) == 1 and not left(made)


def test_one_that_is_away_is_asked_again_and_anything_else_ends_it(watch):
    made, _, said = watch
    errors = [AwayError("It is away."), AwayError("It is away."), ServerError("It knows no token.")]

    def failing(rules):
        raise errors.pop(0)

    made.source.matching, waits = failing, []
    made.folder.rmdir()
    with pytest.raises(ServerError, match="knows no token"):
        made.forever(waits.append)
    assert waits == [20, 20] and len(said) == 2 and made.folder.stat().st_mode & 0o077 == 0


def test_a_series_that_grows_while_it_is_fetched_waits_on(watch, head):
    made, server, said = watch
    made.source.folders["2"] = head((0, 0, 8.0))
    true = made.source.matching
    made.source.matching = lambda rules: [ListedSeries("1", "2", 5, {})]
    assert start(made, 0.0, 61.0, 4e9, 4.1e9) == {"2": ARRIVING} and not server.requests
    # An archive that never gives what it lists would keep it waiting.
    assert said == ["remnant: series 1 of the queue waits: the archive lists 5 images of it and gives 20."]
    made.source.matching = true
    assert start(made, 5e9, 5.1e9) == {"2": STORED}


def test_a_full_disk_loses_nothing(watch, head, monkeypatch):
    made, _, _ = watch
    made.source.folders["2"] = head((0, 0, 8.0))

    def full(*given):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr("remnant.serve.client.seg.write_segmentation", full)
        start(made, 0.0, 61.0)
    assert start(made) == {"2": ARRIVING} and not left(made)
    assert start(made, 62.0) == {"2": STORED}


def test_bad_words_of_the_command_are_one_sentence(remnant, pair, tmp_path):
    words = ("--encoder", pair(), "--server", "http://127.0.0.1:9")
    watched = ("client", "watch", *words, "--queue", tmp_path / "q", "--to", "http://127.0.0.1:9", "--from")
    one = ("client", "segment", *words, "--out", tmp_path / "out")
    for given, sentence in (
        ((*watched, "http://127.0.0.1:9", "--rule", "PatientName=*"), "is no rule; give KEYWORD=PATTERN"),
        ((*watched, "http://pacs.example", "--rule", "Modality=MR"), "is plain HTTP to another machine"),
        ((*watched, "http://127.0.0.1:9", "--rule", "Modality=MR", "--settle", "0"), "at least 1"),
        (one, "Give one scan: either INPUT, or --from with --study and --series"),
        ((*one, "--from", "http://127.0.0.1:9", "--study", "1.2"), "Give one scan"),
        ((*one, pair(), "--store"), "Give one scan"),
    ):
        code, err, out = remnant(*given)
        assert code == 2 and not out and len(err) == 1 and sentence in err[0], err
    assert not (tmp_path / "q").exists() and not (tmp_path / "out").exists()


def test_a_result_that_the_archive_refuses_stays_whole_here(remnant, pair, head, monkeypatch, play, tmp_path):
    from remnant.serve.client.dicomweb import Archive

    folder = head((0, 0, 8.0))
    _, remote = play(load_client(pair()).mark)
    monkeypatch.setattr("remnant.serve.client.remote.Remote", lambda *given, **ways: remote)

    @contextmanager
    def fetched(*given):
        yield folder

    def refuse(*given):
        raise ServerError("The archive does not take it.")

    monkeypatch.setattr(Archive, "fetched", fetched)
    monkeypatch.setattr(Archive, "store", refuse)
    words = ("--encoder", pair(), "--server", "http://127.0.0.1:9", "--from", "http://127.0.0.1:9", "--study", "1.2")
    code, err, out = remnant(
        "client", "segment", *words, "--series", "1.3", "--store", "--quiet", "--out", tmp_path / "out"
    )
    assert (code, out) == (2, "") and err == [
        f"remnant: The archive does not take it; the result is whole in {tmp_path / 'out'}."
    ]
    assert len(list((tmp_path / "out").iterdir())) == 3
