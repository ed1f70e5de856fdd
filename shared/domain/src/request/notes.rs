//! Requests for a common end date in the buyer's own words (R40). A person reads such notes: a sentence that is taken for a request
//! by mistake costs a review, and one that is missed delivers licences with other ends than the buyer wants.
//!
//! Words are compared without case and accents: English, German, French, Spanish, Portuguese, Italian and Dutch, and parts of
//! words in Japanese, Chinese and Korean.

use crate::name::{folded, letters};

/// How many words may stand between what is the same and the end.
const NEAR: usize = 8;

/// Words that say that something is to be the same.
const SAME: [&str; 20] = [
    "same",
    "common",
    "identical",
    "matching",
    "gleiche",
    "gleichen",
    "gleichem",
    "gleiches",
    "gleichzeitig",
    "meme",
    "commun",
    "commune",
    "misma",
    "mismo",
    "comun",
    "mesma",
    "comum",
    "stessa",
    "comune",
    "zelfde",
];

/// Beginnings of such words.
const SAME_BEGINNINGS: [&str; 14] = [
    "align",
    "synchron",
    "harmoni",
    "unif",
    "consolidat",
    "gemeinsam",
    "einheitlich",
    "angleich",
    "angeglichen",
    "vereinheitlich",
    "alinea",
    "alinha",
    "allinea",
    "gelijk",
];

/// Beginnings of words for the end of a term, or for its renewal.
const END_BEGINNINGS: [&str; 19] = [
    "enddate",
    "expir",
    "renewals",
    "anniversar",
    "enddatum",
    "laufzeit",
    "ablauf",
    "enden",
    "auslaufen",
    "echeance",
    "renouvellement",
    "vencimiento",
    "caducidad",
    "renovacion",
    "vencimento",
    "renovacao",
    "scadenz",
    "einddat",
    "vervaldat",
];

/// Two words for it, beside each other or around one more: `date de fin`.
const END_PAIRS: [(&str, &str); 9] = [
    ("end", "date"),
    ("end", "dates"),
    ("termination", "date"),
    ("renewal", "date"),
    ("renewal", "dates"),
    ("date", "fin"),
    ("fecha", "fin"),
    ("data", "fine"),
    ("data", "fim"),
];

/// Two words that say what `all` or `both` licences are to do: `all licences end on`.
const DO_PAIRS: [(&str, &str); 7] = [
    ("end", "on"),
    ("end", "together"),
    ("ends", "on"),
    ("ending", "on"),
    ("expire", "on"),
    ("expire", "together"),
    ("run", "until"),
];

/// Parts of words that say that something is to be the same, in scripts without spaces.
const SAME_PARTS: [&str; 18] = [
    "同じ",
    "同一",
    "統一",
    "共通",
    "一致",
    "揃",
    "そろえ",
    "合わせ",
    "同日",
    "统一",
    "相同",
    "对齐",
    "對齊",
    "같은",
    "동일",
    "통일",
    "맞춰",
    "맞추",
];

/// Parts of words for the end of a term, in scripts without spaces.
const END_PARTS: [&str; 15] = [
    "終了",
    "満了",
    "期限",
    "期日",
    "更新日",
    "有効期間",
    "契約期間",
    "到期",
    "结束",
    "終止",
    "终止",
    "滿期",
    "만료",
    "종료",
    "갱신",
];

/// Whether notes ask for a common end date.
pub(super) fn ask_for_a_common_end(notes: &str) -> bool {
    let folded = folded(notes);
    let words: Vec<String> = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(letters).collect();
    let has = |sentence: &str, parts: &[&str]| parts.iter().any(|part| sentence.contains(part));
    names_coterming(&words)
        || has_common_end(&words)
        || folded.split(['.', '。', '!', '?', '\n']).any(|sentence| has(sentence, &SAME_PARTS) && has(sentence, &END_PARTS))
}

/// `co-term`, `coterm`, `co term`, `co-terminate`, and `コターム`.
fn names_coterming(words: &[String]) -> bool {
    let in_two = |pair: &[String]| pair[0] == "co" && pair[1].starts_with("term");
    words.iter().any(|word| word.starts_with("coterm") || word.contains("コターム")) || words.windows(2).any(in_two)
}

fn has_common_end(words: &[String]) -> bool {
    let begins = |word: &String, beginnings: &[&str]| beginnings.iter().any(|beginning| word.starts_with(beginning));
    let same = |word: &String| SAME.contains(&word.as_str()) || begins(word, &SAME_BEGINNINGS);
    let one_of = |word: Option<&String>, known: &[&str]| word.is_some_and(|word| known.contains(&word.as_str()));
    let pair = |at: usize, pairs: &[(&str, &str)]| {
        let is_second = |second: &str| words[at + 1..].iter().take(2).any(|next| next == second);
        pairs.iter().any(|(first, second)| words[at] == *first && is_second(second))
    };
    (0..words.len()).any(|at| {
        let (before, after) = (at.saturating_sub(NEAR), (at + NEAR).min(words.len()));
        let end = begins(&words[at], &END_BEGINNINGS) || pair(at, &END_PAIRS);
        let one = at.checked_sub(1).is_some_and(|previous| one_of(words.get(previous), &["one", "single"]));
        let all = words[at.saturating_sub(4)..at].iter().any(|word| one_of(Some(word), &["all", "both"]));
        end && (one || words[before..after].iter().any(same)) || all && pair(at, &DO_PAIRS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B14: a common end date in other words, with other hyphens, in other languages.
    #[test]
    fn b14_notes_that_ask_for_a_common_end_are_recognised() {
        for notes in [
            "Please co-term these licences to 2027-06-30.",
            "CO\u{2011}TERM all",
            "co–terming please",
            "Please co term them",
            "We want coterminous licences",
            "co\u{AD}term",
            "Bring all to a common end date.",
            "Make everything expire on the same day, please",
            "same end date",
            "Align the renewals of all our licences",
            "We need one end date for all of them",
            "All licences should end on 30 June 2027",
            "both to run until 2027-06-30",
            "Synchronise the expiry dates",
            "Bitte alle Lizenzen auf ein gemeinsames Enddatum bringen",
            "Bitte die Laufzeiten angleichen",
            "Merci d'aligner les échéances",
            "à la même date de fin",
            "Alinear la fecha de fin de las licencias",
            "una data di scadenza comune",
            "終了日を揃えてください",
            "すべてのライセンスの有効期限を同じ日に統一したい",
            "コタームをお願いします",
            "ｺﾀｰﾑ希望",
            "请统一到期日",
            "만료일을 맞춰 주세요",
        ] {
            assert!(ask_for_a_common_end(notes), "{notes}");
        }
    }

    #[test]
    fn other_notes_are_not_taken_for_it() {
        for notes in [
            "",
            "Please ship to the San Francisco office, terms as agreed.",
            "Renew all licences before they expire.",
            "One year from the expiry of the old one.",
            "Send the invoice by the end of the month.",
            "The same contact as last year.",
            "Please communicate with Ms Example before the end date.",
            "Net 30, as always.",
            "月末までにお願いします",
            "同じ担当者にご連絡ください",
        ] {
            assert!(!ask_for_a_common_end(notes), "{notes}");
        }
    }
}
