"""C11: no advisory passes without an exception, and no exception outlives its day, its reason or its advisory."""

import datetime
import unittest

import check

TODAY = datetime.date(2026, 12, 1)
REPORT = {
    "vulnerabilities": {"list": [{"advisory": {"id": "RUSTSEC-1"}, "package": {"name": "one"}}]},
    "warnings": {
        "unmaintained": [{"advisory": {"id": "RUSTSEC-2"}, "package": {"name": "two"}}],
        "yanked": [{"advisory": None, "package": {"name": "three"}}],
    },
}


def exception(advisory, crate, **changes):
    return {"id": advisory, "crate": crate, "until": TODAY, "reason": "It does no harm."} | changes


class Exceptions(unittest.TestCase):
    def setUp(self):
        self.sound = [exception("RUSTSEC-1", "one"), exception("RUSTSEC-2", "two"), exception("yanked", "three")]

    def wrong(self, exceptions):
        return check.mistakes(REPORT, exceptions, TODAY)

    def test_c11_every_finding_needs_an_exception(self):
        self.assertEqual(self.wrong(self.sound), [])
        for missing in range(3):
            [sentence] = self.wrong(self.sound[:missing] + self.sound[missing + 1 :])
            self.assertIn("add an exception", sentence)
        [sentence] = self.wrong([exception("RUSTSEC-1", "another"), *self.sound[1:], exception("RUSTSEC-1", "one")])
        self.assertIn("remove it", sentence)

    def test_c11_an_exception_that_has_ended_fails(self):
        day = datetime.timedelta(days=1)
        for until, expected in [(TODAY - day, "has ended"), (TODAY + 367 * day, "within a year")]:
            [sentence] = self.wrong([exception("RUSTSEC-1", "one", until=until), *self.sound[1:]])
            self.assertIn(expected, sentence)

    def test_c11_an_exception_ends_on_a_day(self):
        for until in ["2026-12-31", 2026, datetime.datetime(2026, 12, 31, 12)]:
            sentences = self.wrong([exception("RUSTSEC-1", "one", until=until), *self.sound[1:]])
            self.assertIn("write a day without quotation marks", sentences[0])

    def test_c11_an_exception_states_its_reason_and_occurs_once(self):
        for change in [{"reason": ""}, {"until": None}, {"note": "more"}]:
            sentences = self.wrong([exception("RUSTSEC-1", "one", **change), *self.sound[1:]])
            self.assertIn("needs id, crate, until and reason", sentences[0])
        [sentence] = self.wrong([*self.sound, self.sound[0]])
        self.assertIn("twice", sentence)


if __name__ == "__main__":
    unittest.main()
