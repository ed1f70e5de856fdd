//! The configuration sets of SES. SES counts bounces and complaints for each set, and an operator can switch one off (C3).

use domain::suppression::LetterClass;
use runtime::configuration::Reader;

/// The names of the sets. Without a name, the default of the sender's identity is used.
pub(crate) struct ConfigurationSets {
    requests: Option<String>,
    purchases: Option<String>,
}

impl ConfigurationSets {
    /// Reads `MAIL_SET_REQUESTS` and `MAIL_SET_PURCHASES`.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self { requests: reader.optional("MAIL_SET_REQUESTS"), purchases: reader.optional("MAIL_SET_PURCHASES") }
    }

    /// The set for letters of this class: what anyone can cause must not harm the reputation of what buyers wait for.
    pub(crate) fn of(&self, class: LetterClass) -> Option<&str> {
        match class {
            LetterClass::Request => self.requests.as_deref(),
            LetterClass::Purchase => self.purchases.as_deref(),
        }
    }
}
