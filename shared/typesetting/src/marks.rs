//! Invisible marks in texts: which values stay on one line, and which run against the direction of their surroundings.
//!
//! They are the isolates of the Unicode Bidirectional Algorithm (UAX 9), which never occur in a value itself: they are removed
//! from everything that an order contains.

use crate::document::Direction;

/// First strong isolate: begins a value that stays on one line.
const KEPT: char = '\u{2068}';
/// Left-to-right isolate.
const LEFT_TO_RIGHT: char = '\u{2066}';
/// Right-to-left isolate.
const RIGHT_TO_LEFT: char = '\u{2067}';
/// Pop directional isolate: ends each of them.
const END: char = '\u{2069}';

/// A value that people type or copy: a reference, an amount, a date, an account number.
pub fn kept(value: &str) -> String {
    format!("{KEPT}{}{END}", unmarked(value))
}

/// A text in a document of `direction`. If its own direction differs, it keeps its order in the line: "1 Example Street" in an
/// Arabic document does not become "Example Street 1".
pub fn isolated(text: &str, direction: Direction) -> String {
    let text = unmarked(text);
    match text.chars().find_map(strong) {
        Some(own) if own != direction => {
            let begin = if own == Direction::RightToLeft { RIGHT_TO_LEFT } else { LEFT_TO_RIGHT };
            format!("{begin}{text}{END}")
        }
        _ => text,
    }
}

/// The text without marks and other characters that change the direction of what follows: for a title or a header.
pub fn unmarked(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')).collect()
}

/// The direction of a letter; `None` for digits, punctuation and spaces.
fn strong(c: char) -> Option<Direction> {
    match c {
        // Hebrew, Arabic, Syriac, Thaana, N'Ko and their neighbours; presentation forms; the scripts of Unicode's plane 1.
        '\u{590}'..='\u{8ff}'
        | '\u{fb1d}'..='\u{fdff}'
        | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}'
        | '\u{1e800}'..='\u{1efff}' => c.is_alphabetic().then_some(Direction::RightToLeft),
        _ => c.is_alphabetic().then_some(Direction::LeftToRight),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b25_a_text_against_the_direction_of_its_document_is_isolated() {
        let [left, right] = [Direction::LeftToRight, Direction::RightToLeft];
        assert_eq!(isolated("1 Example Street", left), "1 Example Street");
        assert_eq!(isolated("1 Example Street", right), "\u{2066}1 Example Street\u{2069}");
        assert_eq!(isolated("شركة المثال", left), "\u{2067}شركة المثال\u{2069}");
        assert_eq!(isolated("شركة المثال", right), "شركة المثال");
        assert_eq!(isolated("10115", right), "10115");
    }

    #[test]
    fn a_value_cannot_end_its_mark_or_turn_what_follows() {
        assert_eq!(kept("Q-1\u{2069}\u{202e}2"), "\u{2068}Q-12\u{2069}");
        assert_eq!(isolated("a\u{2068}b\u{202e}c", Direction::LeftToRight), "abc");
    }
}
