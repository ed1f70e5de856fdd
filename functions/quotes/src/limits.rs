//! How often anybody may ask about entitlements: a SEN and an address are proof of knowledge, so nobody may try many (R28).

use domain::{Code, Refusal};
use jiff::{SignedDuration, Timestamp};
use runtime::{Reply, SourceIp, identity::Caller};

use crate::Quotes;

/// A window of counting.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// Questions in a window about one entitlement or site, from one address, and by one caller.
const PER_SUBJECT: u32 = 20;
const PER_ADDRESS: u32 = 60;
const PER_CALLER: u32 = 120;

impl Quotes {
    /// Counts a question about `subjects`; none is no question. They are counted whether or not there are such things, so
    /// that the limit tells nothing either.
    pub(crate) async fn admit(&self, subjects: &[&str], ip: SourceIp, caller: Option<&Caller>) -> Reply<()> {
        if subjects.is_empty() {
            return Ok(());
        }
        let (window, until) = window(self.clock.now());
        let address = ip.0.map(|ip| ("address", ip.to_string(), PER_ADDRESS));
        let person = caller.map(|caller| ("caller", caller.subject.clone(), PER_CALLER));
        let about = subjects.iter().map(|subject| ("subject", (*subject).to_owned(), PER_SUBJECT));
        for (what, whom, most) in address.into_iter().chain(person).chain(about) {
            // An address is a person's: what is stored of it is a keyed hash, for minutes.
            let bucket = format!("{what}#{}#{window}", self.minter.seal(what, &whom));
            if !self.store.allow(&bucket, most, until).await? {
                let detail = "You have asked about too many entitlements. Wait a minute, and ask again.";
                return Err(Refusal::new(Code::TooManyRequests, detail).into());
            }
        }
        Ok(())
    }
}

/// The number of the window that an instant is in, and when its counters may be forgotten: the same for the whole window.
fn window(now: Timestamp) -> (i64, Timestamp) {
    let number = now.as_second().div_euclid(WINDOW.as_secs());
    let forgotten = (number + 2).saturating_mul(WINDOW.as_secs());
    (number, Timestamp::from_second(forgotten).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r28_everything_in_a_window_is_counted_together_and_kept_until_it_is_over() {
        let at = |text: &str| window(text.parse().expect("an instant"));
        let first = at("2026-11-22T10:00:00Z");
        assert_eq!(at("2026-11-22T10:00:59.999Z"), first);
        assert_ne!(at("2026-11-22T10:01:00Z").0, first.0);
        assert_eq!(first.1, "2026-11-22T10:02:00Z".parse().expect("an instant"));
    }
}
