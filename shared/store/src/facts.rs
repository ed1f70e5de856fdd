//! The records that a request is checked against, read in one call.

use std::collections::BTreeSet;

use domain::{
    channel::Partner,
    evidence::{SegmentEvidence, Site, TaxCertificate},
    government::GovernmentSubscription,
    license::Entitlement,
    request::{Facts, Wanted},
};

use crate::{
    Error, Store,
    item::{self, Attributes, BODY, Item, KIND, VERSION},
    keys::{Key, PARTITION, SORT},
};

/// What is read of a record: all but licence files. No order needs a key, and the role of Quotes allows no other attributes (C10).
const ATTRIBUTES: [&str; 5] = [PARTITION, SORT, KIND, VERSION, BODY];

impl Store {
    /// Reads the records that a request names, and the partner record of the signed-in caller's organisation (R4). One call reads
    /// up to a hundred records. There is no call when the request names no record and the caller has no organisation.
    ///
    /// # Errors
    ///
    /// DynamoDB failed, or did not return every record. Facts are never incomplete, and retrying is safe.
    pub async fn facts(&self, wanted: &Wanted, organization: Option<&str>) -> Result<Facts, Error> {
        let mut facts = Facts { organization: organization.map(str::to_owned), ..Facts::default() };
        let keys = keys(wanted, organization);
        for found in self.get_attributes(&keys, Some(&ATTRIBUTES), "BatchGetItem of facts").await? {
            add(&mut facts, &found)?;
        }
        for register in wanted.registrations.iter().map(Key::register).filter(Key::is_possible) {
            for found in self.query(&register.partition, &register.sort, "Query of registered evidence").await? {
                add(&mut facts, &found)?;
            }
        }
        Ok(facts)
    }
}

/// The keys of the wanted records. They are a set, because two spellings of a name may be one key, and DynamoDB refuses a batch
/// that has a key twice. A text that is too long for a key is left out, because no record can have it.
fn keys(wanted: &Wanted, organization: Option<&str>) -> BTreeSet<Key> {
    let mut keys: BTreeSet<_> = organization.map(Key::partner).into_iter().collect();
    keys.extend(wanted.entitlements.iter().map(Key::entitlement));
    keys.extend(wanted.evidence.iter().map(|id| Key::evidence(id)));
    keys.extend(wanted.certificates.iter().map(|id| Key::certificate(id)));
    keys.extend(wanted.sites.iter().map(|host| Key::site(host)));
    for (product, licensee) in &wanted.government_subscriptions {
        keys.insert(Key::government_subscription(product, licensee));
        keys.extend(Key::earlier_government_subscription(product, licensee));
    }
    keys.retain(Key::is_possible);
    keys
}

fn add(facts: &mut Facts, found: &Attributes) -> Result<(), Error> {
    match item::text(found, KIND) {
        Some(Partner::KIND) => facts.partner = Some(item::aggregate(found)?),
        Some(Entitlement::KIND) => {
            let entitlement: Entitlement = item::aggregate_without_files(found)?;
            facts.entitlements.insert(entitlement.sen.clone(), entitlement);
        }
        Some(SegmentEvidence::KIND) => {
            let evidence: SegmentEvidence = item::aggregate(found)?;
            facts.evidence.insert(evidence.id.clone(), evidence);
        }
        Some(TaxCertificate::KIND) => {
            let certificate: TaxCertificate = item::aggregate(found)?;
            facts.certificates.insert(certificate.id.clone(), certificate);
        }
        Some(Site::KIND) => {
            let site: Site = item::aggregate(found)?;
            facts.sites.insert(site.host.clone(), site);
        }
        Some(GovernmentSubscription::KIND) => facts.government_subscriptions.push(item::aggregate(found)?),
        _ => return Err(item::corrupt(found, "its kind is not one of the records that a request can name".to_owned())),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::{Sen, number::Minter};

    use super::*;

    fn text(text: &str) -> String {
        text.to_owned()
    }

    fn sen() -> Sen {
        let minter = Minter::new(b"test");
        minter.sen(&minter.quote_from_seed("a"), 1, 0)
    }

    #[test]
    fn without_a_wanted_record_there_is_no_key_to_read() {
        assert!(keys(&Wanted::default(), None).is_empty());
        assert_eq!(keys(&Wanted::default(), Some("Example Reseller")), BTreeSet::from([Key::partner("example reseller")]));
    }

    #[test]
    fn no_key_is_requested_twice_and_no_key_that_is_too_long() {
        let wanted = Wanted {
            entitlements: [sen()].into(),
            evidence: [text("EV-1"), "x".repeat(3_000)].into(),
            certificates: [text("EV-1")].into(),
            sites: [text("acme.cloud.example")].into(),
            government_subscriptions: [("gov", "Example Agency"), ("gov", "example  agency")]
                .map(|(p, l)| (text(p), text(l)))
                .into(),
            ..Wanted::default()
        };
        let expected = [
            Key::entitlement(&sen()),
            Key::evidence("EV-1"),
            Key::certificate("EV-1"),
            Key::site("acme.cloud.example"),
            Key::government_subscription("gov", "Example Agency"),
        ];
        assert_eq!(keys(&wanted, None), expected.into());
    }

    /// B24: keys that were stored before names had a canonical form are still found.
    #[test]
    fn b24_a_subscription_is_also_read_under_the_earlier_key_of_the_name() {
        let wanted = Wanted { government_subscriptions: [(text("gov"), text("㈱ 例"))].into(), ..Wanted::default() };
        let stored_before = Key::earlier_government_subscription("gov", "㈱ 例").unwrap();
        assert_eq!(keys(&wanted, None), [Key::government_subscription("gov", "株式会社例"), stored_before].into());
    }

    #[test]
    fn each_record_is_read_by_its_kind_and_an_unknown_kind_is_refused() {
        let holding = GovernmentSubscription {
            product: text("gov"),
            licensee: text("Example Agency"),
            sen: sen(),
            end: "2027-01-01".parse().unwrap(),
        };
        let site = Site {
            host: text("acme.cloud.example"),
            version: 2,
            organization: text("Example Customer Inc."),
            contacts: Vec::new(),
            entitlements: vec![sen()],
        };
        let partner = Partner {
            organization: text("Example Reseller"),
            version: 1,
            name: text("Example Reseller GmbH"),
            memberships: Vec::new(),
        };
        let mut facts = Facts::default();
        for found in [item::attributes(&holding), item::attributes(&site), item::attributes(&partner)] {
            add(&mut facts, &found.unwrap()).unwrap();
        }
        assert_eq!(facts.government_subscriptions, [holding]);
        assert_eq!(facts.sites.get("acme.cloud.example"), Some(&site));
        assert_eq!(facts.partner, Some(partner));

        let unknown = item::of_key(&Key::evidence("EV-1"));
        let error = add(&mut facts, &unknown).unwrap_err();
        assert!(matches!(error, Error::Corrupt { key, .. } if key == "EVIDENCE#EV-1/EVIDENCE"));
    }
}
