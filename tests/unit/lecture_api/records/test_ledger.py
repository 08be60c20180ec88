"""The ledger folds to one open post, whatever was booked before."""

import uuid
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from lecture_api.records.credit import Credit, CreditCategory, CreditSource
from lecture_api.records.ledger import Booking, balance, settle

AT = datetime(2026, 3, 30, tzinfo=UTC)
BRANCH = uuid.uuid4()


class Book:
    """Takes what `settle` adds."""

    def __init__(self):
        self.rows = []

    def add(self, row):
        self.rows.append(row)


def due(hundredths):
    if hundredths is None:
        return None
    return Credit(hundredths, CreditCategory.COLLECTIVE, CreditSource.LIVE, 2026, "r")


steps = st.lists(st.tuples(st.sampled_from([None, 25, 50, 100]), st.booleans()), max_size=12)


@given(steps)
def test_there_is_never_more_than_one_open_post_and_the_sum_is_what_is_held(sequence):
    book, booking = Book(), Booking(uuid.uuid4(), uuid.uuid4(), BRANCH, "test", AT)
    held = 0
    for hundredths, may_lower in sequence:
        before = len(book.rows)
        changed = settle(book, balance(book.rows), due(hundredths), booking, may_lower=may_lower)
        assert changed is (len(book.rows) > before)
        wanted = hundredths or 0
        held = wanted if may_lower or wanted >= held else held
        account = balance(book.rows)
        assert (account.open_post.hundredths if account.open_post else 0) == held
        assert sum(row.hundredths for row in book.rows) == held
    keys = [(row.generation, row.entry_type) for row in book.rows]
    assert len(keys) == len(set(keys))
    reversals = [row.reversal_of for row in book.rows if row.entry_type == "reversal"]
    assert len(reversals) == len(set(reversals))


@given(steps)
def test_settling_twice_books_once(sequence):
    book, booking = Book(), Booking(uuid.uuid4(), uuid.uuid4(), BRANCH, "test", AT)
    for hundredths, may_lower in sequence:
        settle(book, balance(book.rows), due(hundredths), booking, may_lower=may_lower)
        assert not settle(book, balance(book.rows), due(hundredths), booking, may_lower=may_lower)
