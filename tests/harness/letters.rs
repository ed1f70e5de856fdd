use serde::Deserialize;

/// A letter in the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Letter {
    /// The post office's id.
    pub id: String,
    /// To whom it was delivered.
    pub to: String,
    /// From whom it says it is.
    pub from: String,
    /// The configuration set that it was sent through.
    pub configuration_set: Option<String>,
    /// Its subject.
    pub subject: String,
    /// Its text part.
    pub text: String,
    /// Its HTML part.
    pub html: String,
    /// Its files.
    pub attachments: Vec<Attachment>,
    /// What its sender calls it, the same however often it is sent.
    #[serde(skip)]
    pub message_id: String,
}

/// A file that came with a letter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub struct Attachment {
    pub filename: String,
    pub content_type: String,
    pub size: usize,
    pub url: String,
}

/// Letters that came together.
#[derive(Debug)]
pub struct Letters(pub Vec<Letter>);

impl Letters {
    /// Takes out the one letter to `recipient`. There must be exactly one.
    #[track_caller]
    pub fn take(&mut self, recipient: &str) -> Letter {
        let subjects: Vec<_> = self.0.iter().map(|letter| (&letter.to, &letter.subject)).collect();
        let report = format!("one letter to {recipient} among {subjects:?}");
        let mut found: Vec<_> = self.0.extract_if(.., |letter| letter.to == recipient).collect();
        assert_eq!(found.len(), 1, "expected {report}");
        found.remove(0)
    }

    /// Takes out the first of several letters to `recipient`.
    #[track_caller]
    pub fn take_first(&mut self, recipient: &str) -> Letter {
        let place = self.0.iter().position(|letter| letter.to == recipient);
        self.0.remove(place.unwrap_or_else(|| panic!("no letter came to {recipient}")))
    }

    /// The one letter that came, to `recipient`.
    #[track_caller]
    pub fn only(mut self, recipient: &str) -> Letter {
        let letter = self.take(recipient);
        self.none();
        letter
    }

    /// No (more) letter came.
    #[track_caller]
    pub fn none(&self) {
        let subjects: Vec<_> = self.0.iter().map(|letter| (&letter.to, &letter.subject)).collect();
        assert!(subjects.is_empty(), "unexpected letters: {subjects:?}");
    }
}
