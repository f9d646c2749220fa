from toolgate_core.extraction.cursor import Cursor
from toolgate_core.extraction.notes import NotedSink, Notes
from toolgate_core.extraction.sink import MAX_PARKED


def noted():
    notes, cursor = Notes(), Cursor()
    return notes, cursor, NotedSink(notes, cursor, started=False)


def read(cursor, text):
    cursor.push(text)
    return cursor.take(len(text))


def test_notes_of_a_discarded_block_are_removed():
    notes, cursor, sink = noted()
    sink.hold()
    sink.start("ping", None)
    sink.drop("markup", read(cursor, "?"))
    sink.discard()
    assert (notes.all, notes.calls) == ([], [])


def test_notes_of_a_committed_block_stay():
    notes, _, sink = noted()
    sink.hold()
    sink.start("ping", None)
    sink.commit()
    sink.discard()
    assert notes.calls == [0]


def test_a_parked_block_that_is_too_large_is_dropped_and_not_promoted():
    notes, cursor, sink = noted()
    sink.hold()
    sink.start("ping", None)
    sink.park(read(cursor, "x" * (MAX_PARKED + 1)))
    sink.finish(promote=True)
    assert [note.what for note in notes.all] == ["dropped"]
    assert notes.calls == []
