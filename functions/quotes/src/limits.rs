//! Rate limits. A SEN and an e-mail address are proof of knowledge, so callers may not try many of them (R28), nor many references
//! of evidence or certificates. A quote sends a letter in the vendor's name to the given address (R22), so the number of quotes
//! is limited, too.

use std::{net::IpAddr, sync::PoisonError};

use domain::{
    evidence::vat_id,
    party::{Contact, Email},
    request::Wanted,
};
use jiff::{SignedDuration, Timestamp};
use runtime::{Failure, Reply, SourceIp, identity::Caller};

use crate::{
    idempotency::IdempotencyKey,
    state::Quotes,
    tally::{Allowance, Verdict},
};

/// The window in which lookups are counted together.
const QUESTIONS: SignedDuration = SignedDuration::from_mins(1);
/// How many things an anonymous source address and a signed-in caller may name. This allows an order of a hundred renewals
/// twice, and four times. An office of many people may have one source address, so the address of signed-in callers does not
/// count (A5).
const PER_ADDRESS: u32 = 200;
const PER_CALLER: u32 = 400;
/// How often one caller may name the same thing, and how often all anonymous callers together may. The second limit is much
/// higher, because reaching it blocks all other anonymous callers as well. It does not block callers who sign in (C5): a verified
/// person is counted alone.
const PER_NAME_AND_ASKER: u32 = 20;
const PER_NAME: u32 = 200;

/// The window in which letters are counted together.
const LETTERS: SignedDuration = SignedDuration::from_hours(1);
/// How many quotes anonymous callers may request for one mailbox, and from one source address.
const TO_MAILBOX: u32 = 30;
const FROM_ADDRESS: u32 = 60;
/// How many quotes signed-in callers may request for one mailbox, and one of them in total. The limits are higher, because
/// these callers are identified.
const TO_MAILBOX_SIGNED_IN: u32 = 300;
const BY_CALLER: u32 = 600;
/// How many quotes anonymous callers may request for all mailboxes of a domain, and in total (C3). Letters to mailboxes that do
/// not exist come back, and SES stops to send for a vendor of whose letters too many come back.
const TO_DOMAIN: u32 = 120;
const OF_ANONYMOUS: u32 = 3_000;
/// How many of each one process admits without a write, so that ordinary quotes cost no additional write. All processes
/// together exceed a limit by at most this number, times the number of processes.
const FEW: Allowance = Allowance { few: 5, step: 1 };
/// The same for a domain, and for all anonymous callers: after the first few, one write reserves several letters.
const FEW_OF_A_DOMAIN: Allowance = Allowance { few: 20, step: 10 };
const FEW_OF_ALL: Allowance = Allowance { few: 50, step: 50 };

/// A counter: what is counted, for whom, and the limit.
struct Bucket {
    what: &'static str,
    whom: String,
    uses: u32,
    most: u32,
    allowance: Allowance,
}

impl Bucket {
    fn new(what: &'static str, whom: impl Into<String>, most: u32) -> Self {
        Self { what, whom: whom.into(), uses: 1, most, allowance: FEW }
    }
}

impl Quotes {
    /// Counts a request for everything that it names. Names are counted whether or not they exist, so that the limit does not
    /// reveal which of them exist. A request that names nothing is not counted.
    pub(crate) async fn admit_question(&self, wanted: &Wanted, ip: SourceIp, caller: Option<&Caller>) -> Reply<()> {
        let provable = provable(wanted);
        let all = u32::try_from(provable.len() + references(wanted)).unwrap_or(u32::MAX);
        if all == 0 {
            return Ok(());
        }
        let (asker, total) = match caller {
            Some(caller) => {
                let total = Bucket { uses: all, ..Bucket::new("caller", &caller.subject, PER_CALLER) };
                (Some(format!("caller {}", caller.subject)), Some(total))
            }
            None => {
                let total = ip.0.map(|ip| Bucket { uses: all, ..Bucket::new("address", network(ip), PER_ADDRESS) });
                (ip.0.map(network), total)
            }
        };
        let by_asker =
            |name: &String| asker.as_ref().map(|asker| Bucket::new("asker", format!("{name} {asker}"), PER_NAME_AND_ASKER));
        let by_all = |name: &String| caller.is_none().then(|| Bucket::new("name", name, PER_NAME));
        let about = provable.iter().flat_map(|name| by_asker(name).into_iter().chain(by_all(name)));
        let window = Window::of(self.clock.now(), QUESTIONS);
        for bucket in total.into_iter().chain(about) {
            if !self.store_allows(&bucket, &window).await? {
                let detail =
                    "You have named too many entitlements, sites or references. Wait a minute, and send the request again.";
                return Err(window.too_many(detail));
            }
        }
        Ok(())
    }

    /// Counts a quote that is about to be issued, and whose letter is about to be sent. The first few are counted in this process
    /// only, the others in the table. A key stands for one quote: a repeated request that was admitted here is not counted again.
    pub(crate) async fn admit_letter(
        &self,
        to: &Contact,
        ip: SourceIp,
        caller: Option<&Caller>,
        key: Option<&IdempotencyKey>,
    ) -> Reply<()> {
        let window = Window::of(self.clock.now(), LETTERS);
        let letters = || self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key.map(|key| ("letter", &key.hash));
        if key.is_some_and(|key| letters().has(key, window.number)) {
            return Ok(());
        }
        let signed_in = caller.map(|caller| (caller.subject.as_str(), caller.address()));
        for mut bucket in letter_buckets(&to.email, ip, signed_in) {
            let here = letters().count((bucket.what, &bucket.whom), window.number);
            let allowed = match bucket.allowance.verdict(here, bucket.most) {
                Verdict::Admit => true,
                Verdict::Ask { uses } => {
                    bucket.uses = uses;
                    let allowed = self.store_allows(&bucket, &window).await?;
                    if !allowed && uses > 1 {
                        // The uses that this request would have reserved for later ones are not there.
                        letters().exhaust((bucket.what, &bucket.whom), window.number);
                    }
                    allowed
                }
                Verdict::Refuse => false,
            };
            if !allowed {
                let detail = "Too many quotes were requested within this hour, from this network or for this e-mail address. \
                              Send the request again when the hour is over, or sign in for a higher limit.";
                return Err(window.too_many(detail));
            }
        }
        key.map(|key| letters().count(key, window.number));
        Ok(())
    }

    async fn store_allows(&self, bucket: &Bucket, window: &Window) -> Reply<bool> {
        let name = format!("{}#{}", self.name(bucket), window.number);
        Ok(self.store.allow(&name, bucket.uses, bucket.most, window.forgotten).await?)
    }

    /// A bucket's name. Addresses are personal data: only a keyed hash is stored, for at most two windows.
    fn name(&self, bucket: &Bucket) -> String {
        format!("{}#{}", bucket.what, self.minter.seal(bucket.what, &bucket.whom))
    }
}

/// What a letter to this address counts against. The caller's own limit comes first, so that a caller who has reached it does
/// not use up the limits of others. Signed-in callers are counted separately, so that anonymous requests for their mailbox do not
/// count against them.
///
/// A signed-in caller is its subject and its verified address.
fn letter_buckets(to: &Email, ip: SourceIp, signed_in: Option<(&str, Option<Email>)>) -> Vec<Bucket> {
    let mailbox_of = to.mailbox();
    match signed_in {
        Some((subject, own)) => {
            // The owner of the mailbox is not limited by what others have requested for it (C4).
            let others = own.is_none_or(|own| own.mailbox() != mailbox_of);
            let to_mailbox = others.then(|| Bucket::new("letters_to_signed_in", mailbox_of, TO_MAILBOX_SIGNED_IN));
            [Bucket::new("letters_by", subject, BY_CALLER)].into_iter().chain(to_mailbox).collect()
        }
        None => {
            let from = ip.0.map(|ip| Bucket::new("letters_from", network(ip), FROM_ADDRESS));
            let domain = mailbox_of.rsplit_once('@').map_or_else(String::new, |(_, domain)| domain.to_owned());
            let to_domain = Bucket { allowance: FEW_OF_A_DOMAIN, ..Bucket::new("letters_to_domain", domain, TO_DOMAIN) };
            let of_all = Bucket { allowance: FEW_OF_ALL, ..Bucket::new("letters_of_anonymous", "all", OF_ANONYMOUS) };
            from.into_iter().chain([Bucket::new("letters_to", mailbox_of, TO_MAILBOX), to_domain, of_all]).collect()
        }
    }
}

/// The names whose knowledge an e-mail address proves. A caller who guesses the address names them repeatedly.
fn provable(wanted: &Wanted) -> Vec<String> {
    let entitlements = wanted.entitlements.iter().map(|sen| format!("sen {}", sen.compact()));
    entitlements.chain(wanted.sites.iter().map(|host| format!("site {host}"))).collect()
}

/// How many references are named whose existence reveals something. They are counted per caller and never per name, so that no
/// caller can block the owner of a reference. A VAT id is public and every order of its owner names it, so it is not counted.
fn references(wanted: &Wanted) -> usize {
    let certificates = wanted.certificates.iter().filter(|reference| vat_id(reference).is_none());
    wanted.evidence.len() + wanted.registrations.len() + wanted.government_subscriptions.len() + certificates.count()
}

/// The source of a request. An IPv6 customer has a whole /64 network, so its addresses are counted together.
fn network(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// A window of time in which uses are counted together.
struct Window {
    number: i64,
    /// The number of seconds until its end.
    ends_in: i64,
    /// When its counters can be deleted: the same instant for the whole window.
    forgotten: Timestamp,
}

impl Window {
    fn of(now: Timestamp, length: SignedDuration) -> Self {
        let (second, length) = (now.as_second(), length.as_secs());
        let number = second.div_euclid(length);
        let forgotten = Timestamp::from_second((number + 2).saturating_mul(length)).unwrap_or(Timestamp::MAX);
        Self { number, ends_in: length - second.rem_euclid(length), forgotten }
    }

    fn too_many(&self, detail: &str) -> Failure {
        Failure::TooMany { detail: detail.to_owned(), seconds: self.ends_in }
    }
}

#[cfg(test)]
mod tests {
    use domain::{evidence::Registration, number::Minter};

    use super::*;

    #[test]
    fn r28_everything_in_a_window_is_counted_together_and_kept_until_it_is_over() {
        let at = |text: &str| Window::of(text.parse().expect("an instant"), QUESTIONS);
        let (first, last) = (at("2026-11-22T10:00:00Z"), at("2026-11-22T10:00:59.999Z"));
        assert_eq!((last.number, last.forgotten), (first.number, first.forgotten));
        assert_eq!((first.ends_in, last.ends_in), (60, 1));
        assert_eq!(at("2026-11-22T10:01:00Z").number, first.number + 1);
        assert_eq!(first.forgotten, "2026-11-22T10:02:00Z".parse().expect("an instant"));
    }

    #[test]
    fn r28_entitlements_and_sites_are_counted_by_name_and_a_vat_id_not_at_all() {
        let minter = Minter::new(b"test");
        let sen = minter.sen(&minter.quote_from_seed("one"), 1, 0);
        let wanted = Wanted {
            entitlements: [sen.clone()].into(),
            sites: ["acme.cloud.example".to_owned()].into(),
            evidence: ["EV-1".to_owned()].into(),
            registrations: Registration::new("nonprofit", "US", "12-3456789").into_iter().collect(),
            certificates: ["DE136695976".to_owned(), "RESALE-1".to_owned()].into(),
            government_subscriptions: [("gov".to_owned(), "Example Agency".to_owned())].into(),
        };
        assert_eq!(provable(&wanted), [format!("sen {}", sen.compact()), "site acme.cloud.example".to_owned()]);
        assert_eq!(references(&wanted), 4, "the evidence, its register, the resale certificate and the agency's subscription");
    }

    /// Neither anonymous nor signed-in strangers can close a mailbox for its verified owner.
    #[test]
    fn c4_the_owner_of_a_mailbox_is_not_limited_by_what_others_request_for_it() {
        let email = |text: &str| Email::parse(text).expect("an address");
        let counted = |to: &str, signed_in| {
            let buckets = letter_buckets(&email(to), SourceIp("192.0.2.1".parse().ok()), signed_in);
            buckets.iter().map(|bucket| (bucket.what, bucket.whom.clone())).collect::<Vec<_>>()
        };
        let by = |subject: &str| ("letters_by", subject.to_owned());
        let to = "Rita.Seller+1@gmail.com";
        assert_eq!(counted(to, Some(("owner", Some(email("ritaseller@googlemail.com"))))), [by("owner")]);
        let theirs = ("letters_to_signed_in", "ritaseller@gmail.com".to_owned());
        for stranger in [None, Some(email("eve@gmail.com")), Some(email("ritaseller@reseller.example"))] {
            assert_eq!(counted(to, Some(("stranger", stranger))), [by("stranger"), theirs.clone()]);
        }
        let anonymous = [("letters_from", "192.0.2.1"), ("letters_to", "ritaseller@gmail.com")];
        let anonymous = anonymous.into_iter().chain([("letters_to_domain", "gmail.com"), ("letters_of_anonymous", "all")]);
        assert_eq!(counted(to, None), anonymous.map(|(what, whom)| (what, whom.to_owned())).collect::<Vec<_>>());
    }

    #[test]
    fn an_ipv6_network_is_one_source_and_so_is_an_ipv4_address() {
        let network = |ip: &str| network(ip.parse().expect("an address"));
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
