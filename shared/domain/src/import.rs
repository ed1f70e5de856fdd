//! What the vendor's staff bring in: enrolled partners (R4), verified evidence (R58, R59) and certificates (R91), cloud
//! sites (R12, R31), and licences that were sold before. Everything may be missing, and nothing is trusted: a request
//! becomes a record, or everything that is wrong with it is said.
//!
//! A record is sent as a whole. What is checked is given the record `before`, and answers it as it shall be at the same
//! version: equal when nothing changed, and otherwise [advanced](Record::advance).

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::Date};

use crate::{
    Code, Policy, Sen,
    calendar::{day_of, months_after},
    channel::{Membership, Partner},
    evidence::{SegmentEvidence, Site, SiteContact, SiteRole, TaxCertificate, VAT_ID, vat_id},
    fault::Faults,
    form::{
        ContactRequest, contact, country, date, is_plain, list, optional_country, optional_date, optional_region, optional_text,
        required, text, unknown,
    },
    license::{Entitlement, Issue, Kind, kind},
    policy::{Deployment, Product, Proof, Statement},
    request::Holding,
};

/// The most memberships, contacts or subscriptions of one record.
pub const MAX_ENTRIES: usize = 100;

/// No licence is sold for longer: an end further ahead is a typing mistake.
const LONGEST_MONTHS: u32 = 120;

const ROLES: [(&str, SiteRole); 3] =
    [("billing", SiteRole::Billing), ("technical", SiteRole::Technical), ("admin", SiteRole::Admin)];

/// On whose word something is brought in, and when.
#[derive(Clone, Copy)]
pub struct Occasion<'a> {
    /// The policy in force.
    pub policy: &'a Policy,
    /// Who brings it in: the subject of their token.
    pub by: &'a str,
    /// The instant that the record says it was issued at; its day decides what has begun and ended.
    pub at: Timestamp,
}

impl Occasion<'_> {
    fn today(&self) -> Date {
        day_of(self.at, &self.policy.timezone)
    }
}

/// What is brought in as a whole, again and again.
pub trait Record: PartialEq {
    /// Counts one more write.
    fn advance(&mut self);
}

macro_rules! records {
    ($($name:ident),+) => {
        $(impl Record for $name {
            fn advance(&mut self) {
                self.version += 1;
            }
        })+
    };
}

records!(Partner, SegmentEvidence, TaxCertificate, Site, Entitlement);

/// An enrolment as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct PartnerRequest {
    pub name: Option<String>,
    pub memberships: Vec<MembershipRequest>,
}

/// A membership as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct MembershipRequest {
    pub programme: Option<String>,
    pub tier: Option<String>,
    pub from: Option<String>,
    pub until: Option<String>,
}

/// Verified evidence as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct EvidenceRequest {
    pub segment: Option<String>,
    pub organization: Option<String>,
    pub registration_number: Option<String>,
    pub country: Option<String>,
    pub document: Option<String>,
    pub verified_on: Option<String>,
    pub expires: Option<String>,
}

/// A verified certificate as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct CertificateRequest {
    pub kind: Option<String>,
    pub organization: Option<String>,
    pub country: Option<String>,
    pub region: Option<String>,
    pub number: Option<String>,
    pub document: Option<String>,
    pub from: Option<String>,
    pub expires: Option<String>,
}

/// A cloud site as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct SiteRequest {
    pub organization: Option<String>,
    pub contacts: Vec<SiteContactRequest>,
    pub entitlements: Vec<String>,
}

/// An authorized contact as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct SiteContactRequest {
    pub role: Option<String>,
    pub contact: ContactRequest,
}

/// A licence or subscription that was sold before, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct EntitlementRequest {
    pub product: Option<String>,
    pub edition: Option<String>,
    pub tier: Option<i64>,
    pub licensee: Option<String>,
    pub technical_contact: ContactRequest,
    pub purchaser: PurchaserRequest,
    pub purchased: Option<String>,
    /// The first day that is not covered: by maintenance for a perpetual licence, by the term otherwise.
    pub end: Option<String>,
}

/// Who bought it, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct PurchaserRequest {
    pub company: Option<String>,
    pub contact: ContactRequest,
    pub organization: Option<String>,
}

impl PartnerRequest {
    /// The enrolment of `organization`: in programmes of the policy, in one of them on a day (R4).
    pub fn check(&self, organization: &str, before: Option<&Partner>, on: &Occasion<'_>, faults: &mut Faults) -> Option<Partner> {
        let name = text(faults, "/name", self.name.as_deref(), 120);
        few(faults, "/memberships", self.memberships.len());
        let read = self.memberships.iter().enumerate();
        let read: Vec<_> =
            read.map(|(i, membership)| membership.check(&format!("/memberships/{i}"), on.policy, faults)).collect();
        let memberships: Option<Vec<Membership>> = read.into_iter().collect();
        for (i, later) in memberships.iter().flatten().enumerate() {
            let earlier = memberships.iter().flatten().take(i).position(|earlier| earlier.period().overlaps(&later.period()));
            if let Some(earlier) = earlier {
                let detail = format!("It shares days with /memberships/{earlier}: end one of them before the other begins.");
                faults.add(Code::ValueInvalid, format!("/memberships/{i}"), detail);
            }
        }
        Some(Partner {
            organization: before.map_or(organization, |before| &before.organization).to_owned(),
            version: before.map_or(0, |before| before.version),
            name: name?,
            memberships: memberships?,
        })
    }
}

impl MembershipRequest {
    fn check(&self, at: &str, policy: &Policy, faults: &mut Faults) -> Option<Membership> {
        let from = date(faults, &format!("{at}/from"), self.from.as_deref());
        let until = optional_date(faults, &format!("{at}/until"), self.until.as_deref());
        if from.zip(until.flatten()).is_some_and(|(from, until)| until <= from) {
            let detail = "This is the first day on which it no longer counts: it must be later than `from`.";
            faults.add(Code::ValueInvalid, format!("{at}/until"), detail);
        }
        let Some(id) = &self.programme else { return required(faults, format!("{at}/programme")) };
        let Some(programme) = policy.programme(id) else {
            let known = policy.programmes.iter().map(|programme| &*programme.id);
            unknown(faults, Code::ValueInvalid, format!("{at}/programme"), "programme", known);
            return None;
        };
        let at_tier = format!("{at}/tier");
        match &self.tier {
            None if programme.tiers.is_empty() => {}
            None => return required(faults, at_tier),
            Some(_) if programme.tiers.is_empty() => {
                faults.add(Code::NotExpected, at_tier, "The programme has no tiers: leave it out.");
                return None;
            }
            Some(tier) if programme.tiers.contains(tier) => {}
            Some(_) => {
                unknown(faults, Code::ValueInvalid, at_tier, "tier of the programme", programme.tiers.iter().map(String::as_str));
                return None;
            }
        }
        Some(Membership { programme: id.clone(), tier: self.tier.clone(), from: from?, until: until? })
    }
}

impl EvidenceRequest {
    /// The evidence under the reference `id`, with everything that the segment's proof asks for (R58, R59). Whoever sends
    /// the same again has not verified it again.
    pub fn check(
        &self,
        id: &str,
        before: Option<&SegmentEvidence>,
        on: &Occasion<'_>,
        faults: &mut Faults,
    ) -> Option<SegmentEvidence> {
        let organization = text(faults, "/organization", self.organization.as_deref(), 120);
        let registration_number = optional_text(faults, "/registration_number", self.registration_number.as_deref(), 60);
        let country = optional_country(faults, "/country", self.country.as_deref());
        let document = optional_text(faults, "/document", self.document.as_deref(), 200);
        let verified_on = optional_date(faults, "/verified_on", self.verified_on.as_deref());
        let expires = date(faults, "/expires", self.expires.as_deref());
        let segment = self.segment(on.policy, faults);
        for statement in segment.iter().flat_map(|(_, statements)| *statements) {
            let given = match statement {
                Statement::RegistrationNumber => &self.registration_number,
                Statement::Country => &self.country,
                Statement::Document => &self.document,
            };
            if given.as_deref().is_none_or(|given| given.trim().is_empty()) {
                let detail = "The segment's proof asks for this.";
                faults.add(Code::Required, format!("/{}", statement.as_str()), detail);
            }
        }
        let verified_on = verified_on?;
        let read = SegmentEvidence {
            id: id.to_owned(),
            version: before.map_or(0, |before| before.version),
            segment: segment?.0.to_owned(),
            organization: organization?,
            registration_number: registration_number?,
            country: country?,
            document: document?,
            verified_by: on.by.to_owned(),
            verified_on: verified_on.unwrap_or(on.today()),
            expires: expires?,
        };
        let again = before.filter(|before| {
            let verified_on = verified_on.unwrap_or(before.verified_on);
            **before == SegmentEvidence { verified_by: before.verified_by.clone(), verified_on, ..read.clone() }
        });
        let record = again.cloned().unwrap_or(read);
        if record.verified_on > on.today() {
            faults.add(Code::ValueInvalid, "/verified_on", "This day is yet to come.");
        }
        in_order(faults, "/expires", record.verified_on, record.expires);
        Some(record)
    }

    /// The segment, with what proves it.
    fn segment<'p>(&self, policy: &'p Policy, faults: &mut Faults) -> Option<(&'p str, &'p [Statement])> {
        let provable = || {
            policy.segments.iter().filter_map(|segment| match &segment.proof {
                Proof::Evidence(statements) => Some((&*segment.id, &**statements)),
                Proof::SourceEntitlement { .. } => None,
            })
        };
        let Some(id) = &self.segment else { return required(faults, "/segment") };
        let found = provable().find(|(known, _)| known == id);
        if found.is_none() {
            unknown(
                faults,
                Code::SegmentUnknown,
                "/segment".to_owned(),
                "segment that evidence proves",
                provable().map(|(id, _)| id),
            );
        }
        found
    }
}

impl CertificateRequest {
    /// The certificate under the reference `id` (R91). A VAT id is its own reference, in its canonical spelling, and its
    /// own number.
    pub fn check(
        &self,
        id: &str,
        before: Option<&TaxCertificate>,
        on: &Occasion<'_>,
        faults: &mut Faults,
    ) -> Option<TaxCertificate> {
        let organization = text(faults, "/organization", self.organization.as_deref(), 120);
        let document = optional_text(faults, "/document", self.document.as_deref(), 200);
        let from = date(faults, "/from", self.from.as_deref());
        let expires = date(faults, "/expires", self.expires.as_deref());
        if let Some((from, expires)) = from.zip(expires) {
            in_order(faults, "/expires", from, expires);
        }
        let country = country(faults, "/country", self.country.as_deref());
        let number = match self.kind.as_deref() {
            Some(VAT_ID) => self.vat_id(id, country.as_deref(), faults),
            _ => text(faults, "/number", self.number.as_deref(), 60),
        };
        let region = match (&self.region, &country) {
            (Some(_), Some(country)) => optional_region(faults, "/region", country, self.region.as_deref()),
            _ => Some(None),
        };
        let kind = self.kind(country.as_deref(), on.policy, faults);
        let read = TaxCertificate {
            id: id.to_owned(),
            version: before.map_or(0, |before| before.version),
            kind: kind?,
            organization: organization?,
            country: country?,
            region: region?,
            number: number?,
            document: document?,
            verified_by: on.by.to_owned(),
            from: from?,
            expires: expires?,
        };
        // Whoever sends the same again has not verified it again.
        let again =
            before.filter(|before| **before == TaxCertificate { verified_by: before.verified_by.clone(), ..read.clone() });
        Some(again.cloned().unwrap_or(read))
    }

    fn kind(&self, country: Option<&str>, policy: &Policy, faults: &mut Faults) -> Option<String> {
        let Some(kind) = &self.kind else { return required(faults, "/kind") };
        if kind == VAT_ID {
            return Some(kind.clone());
        }
        let Some(exemption) = policy.tax.exemptions.iter().find(|exemption| exemption.kind == *kind) else {
            let known = std::iter::once(VAT_ID).chain(policy.tax.exemptions.iter().map(|exemption| &*exemption.kind));
            unknown(faults, Code::ValueInvalid, "/kind".to_owned(), "kind of certificate", known);
            return None;
        };
        if let Some(country) = country.filter(|country| !exemption.countries.iter().any(|known| known == country)) {
            let detail = format!("A certificate of this kind does not free from tax in {country}: see the tax policy.");
            faults.add(Code::ValueInvalid, "/country", detail);
        }
        Some(kind.clone())
    }

    /// The number of a VAT id, which is the reference.
    fn vat_id(&self, id: &str, country: Option<&str>, faults: &mut Faults) -> Option<String> {
        let Some(canonical) = vat_id(id).filter(|canonical| canonical == id) else {
            let detail = match vat_id(id) {
                Some(canonical) => format!("A VAT id is its own reference. Write it as {canonical} in the path."),
                None => {
                    "The reference in the path must be the VAT id itself, and this is none: its form or its check digit is wrong."
                        .to_owned()
                }
            };
            faults.add(Code::ValueInvalid, "/kind", detail);
            return None;
        };
        if self.number.as_deref().is_some_and(|number| vat_id(number).as_deref() != Some(id)) {
            faults.add(Code::ValueInvalid, "/number", "This is another VAT id than the reference in the path: leave it out.");
        }
        if country.is_some_and(|country| country != vat_country(&canonical)) {
            let detail = format!("This VAT id is of {}: give that as its country.", vat_country(&canonical));
            faults.add(Code::ValueInvalid, "/country", detail);
        }
        if self.region.is_some() {
            faults.add(Code::NotExpected, "/region", "A VAT id counts in its whole country: leave it out.");
        }
        Some(canonical)
    }
}

/// The ISO 3166 country of a VAT id: two prefixes are not its code.
fn vat_country(canonical: &str) -> &str {
    match canonical.get(..2) {
        Some("EL") => "GR",
        Some("XI") => "GB",
        prefix => prefix.unwrap_or(canonical),
    }
}

impl SiteRequest {
    /// The site at `host`, with the people who may speak for it (R12), each in one of the three roles (R31).
    pub fn check(&self, host: &str, before: Option<&Site>, faults: &mut Faults) -> Option<Site> {
        let organization = text(faults, "/organization", self.organization.as_deref(), 120);
        if self.contacts.is_empty() {
            faults.add(Code::Required, "/contacts", "Name at least one person who may speak for the site.");
        }
        few(faults, "/contacts", self.contacts.len());
        few(faults, "/entitlements", self.entitlements.len());
        let read = self.contacts.iter().enumerate();
        let contacts: Vec<_> = read.map(|(i, contact)| contact.check(&format!("/contacts/{i}"), faults)).collect();
        let contacts: Option<Vec<SiteContact>> = contacts.into_iter().collect();
        let mut named = BTreeSet::new();
        let mut entitlements = Some(Vec::new());
        for (i, given) in self.entitlements.iter().enumerate() {
            let sen = given.parse::<Sen>();
            let wrong = match &sen {
                Err(_) => Some((Code::ValueInvalid, "This is not a support entitlement number, or it was mistyped.")),
                Ok(sen) if !named.insert(sen.clone()) => Some((Code::NotExpected, "This number is here twice.")),
                Ok(_) => None,
            };
            if let Some((code, detail)) = wrong {
                faults.add(code, format!("/entitlements/{i}"), detail);
            }
            entitlements = entitlements.zip(sen.ok()).map(|(mut entitlements, sen)| {
                entitlements.push(sen);
                entitlements
            });
        }
        Some(Site {
            host: host.to_owned(),
            version: before.map_or(0, |before| before.version),
            organization: organization?,
            contacts: contacts?,
            entitlements: entitlements?,
        })
    }
}

impl SiteContactRequest {
    fn check(&self, at: &str, faults: &mut Faults) -> Option<SiteContact> {
        let role = match self.role.as_deref() {
            None => required(faults, format!("{at}/role")),
            Some(given) => {
                let role = ROLES.iter().find(|(name, _)| *name == given).map(|(_, role)| *role);
                if role.is_none() {
                    unknown(faults, Code::ValueInvalid, format!("{at}/role"), "role", ROLES.iter().map(|(name, _)| *name));
                }
                role
            }
        };
        let contact = contact(faults, at, &self.contact);
        Some(SiteContact { role: role?, contact: contact? })
    }
}

impl EntitlementRequest {
    /// The entitlement that was sold before under the number `sen`, without a key: the one that the customer has stays
    /// good. What a quote of ours has issued or changed is no longer the desk's to say. Without a number, which is a fault
    /// that its reader has noted, it says what else is wrong.
    pub fn check(
        &self,
        sen: Option<&Sen>,
        before: Option<&Entitlement>,
        on: &Occasion<'_>,
        faults: &mut Faults,
    ) -> Option<Entitlement> {
        if let Some(quote) = before.and_then(|before| before.issue.quote.as_ref()) {
            let detail = format!("This number is in quote {quote}, which decides what it is: it cannot be imported over.");
            faults.add(Code::RecordChanged, "", detail);
            return None;
        }
        let product = self.product(on.policy, faults);
        let tier = product.and_then(|product| self.tier(product, faults));
        let licensee = text(faults, "/licensee", self.licensee.as_deref(), 120);
        let technical_contact = contact(faults, "/technical_contact", &self.technical_contact);
        let purchaser = text(faults, "/purchaser/company", self.purchaser.company.as_deref(), 120);
        let purchaser_contact = contact(faults, "/purchaser/contact", &self.purchaser.contact);
        let organization = optional_text(faults, "/purchaser/organization", self.purchaser.organization.as_deref(), 120);
        let (purchased, end) = self.days(on.today(), faults);

        let (product, end) = (product?, end?);
        let kind = kind(product.deployment);
        let (maintenance_end, term_end) = if kind == Kind::Perpetual { (Some(end), None) } else { (None, Some(end)) };
        let organization = organization?;
        Some(Entitlement {
            sen: sen?.clone(),
            version: before.map_or(0, |before| before.version),
            kind,
            product: product.id.clone(),
            // The name when it was sold, even if the vendor calls it otherwise when it is imported again.
            product_name: before
                .filter(|before| before.product == product.id)
                .map_or_else(|| product.name.clone(), |before| before.product_name.clone()),
            licensee: licensee?,
            technical_contact: technical_contact?,
            issue: Issue {
                quote: None,
                line: 0,
                edition: self.edition.clone(),
                tier: tier?,
                purchaser: purchaser?,
                purchaser_contact: purchaser_contact?,
                organization: organization.clone(),
                partner: organization,
                purchased: purchased?,
                maintenance_end,
                term_end,
                discount: before.and_then(|before| before.issue.discount),
                next: None,
                issued_at: before.map_or(on.at, |before| before.issue.issued_at),
                file: None,
            },
            refunded_by: before.and_then(|before| before.refunded_by.clone()),
            migrated_by: before.and_then(|before| before.migrated_by.clone()),
            earlier: Vec::new(),
        })
    }

    /// The product, of which the edition is one.
    fn product<'p>(&self, policy: &'p Policy, faults: &mut Faults) -> Option<&'p Product> {
        let Some(id) = &self.product else { return required(faults, "/product") };
        let Some(product) = policy.product(id) else {
            let detail = "No product of this name is in the policy. What is no longer sold stays there, with `sale_until`.";
            faults.add(Code::ProductUnknown, "/product", detail);
            return None;
        };
        let editions = || product.editions.iter().map(|edition| &*edition.id);
        match &self.edition {
            edition if product.rank(edition.as_deref()).is_some() => return Some(product),
            None => faults.add(Code::Required, "/edition", format!("{} has editions: {}.", product.name, list(editions()))),
            Some(_) if product.editions.is_empty() => {
                faults.add(Code::NotExpected, "/edition", format!("{} has no editions: leave it out.", product.name));
            }
            Some(_) => unknown(faults, Code::EditionUnknown, "/edition".to_owned(), "edition of the product", editions()),
        }
        None
    }

    /// A tier of some price book of the product, in whatever currency and however long ago.
    fn tier(&self, product: &Product, faults: &mut Faults) -> Option<u32> {
        let Some(given) = self.tier else { return required(faults, "/tier") };
        let Some(users) = u32::try_from(given).ok().filter(|users| *users > 0) else {
            faults.add(Code::QuantityInvalid, "/tier", "Give the most users that it allows: a positive number.");
            return None;
        };
        let books = || product.books.iter().filter(|book| book.edition == self.edition);
        if books().any(|book| book.table.tier(users).is_some_and(|(tier, _)| tier == users)) {
            return Some(users);
        }
        let tiers: BTreeSet<u32> = books().flat_map(|book| book.table.tiers()).map(|(tier, _)| tier).collect();
        let detail = format!("{} is not sold by this tier. There are: {}.", product.name, list(tiers));
        faults.add(Code::NoTierForQuantity, "/tier", detail);
        None
    }

    fn days(&self, today: Date, faults: &mut Faults) -> (Option<Date>, Option<Date>) {
        let purchased = date(faults, "/purchased", self.purchased.as_deref());
        let end = date(faults, "/end", self.end.as_deref());
        if purchased.is_some_and(|purchased| purchased > today) {
            faults.add(Code::ValueInvalid, "/purchased", "This day is yet to come. Sell by a quote what is not sold yet.");
        }
        if purchased.zip(end).is_some_and(|(purchased, end)| end <= purchased) {
            faults.add(
                Code::ValueInvalid,
                "/end",
                "This is the first day that is not covered: it must be later than `purchased`.",
            );
        } else if end.is_some_and(|end| end > months_after(today, LONGEST_MONTHS)) {
            faults.add(Code::ValueInvalid, "/end", "This is more than ten years ahead: check the year.");
        }
        (purchased, end)
    }
}

/// The mark that an end customer has its one subscription to a government product (R106); `None` for any other product.
pub fn holding(entitlement: &Entitlement, policy: &Policy) -> Option<Holding> {
    let product = policy.product(&entitlement.product)?;
    let end = entitlement.end().filter(|_| product.deployment == Deployment::GovernmentCloud)?;
    Some(Holding { product: product.id.clone(), licensee: entitlement.licensee.clone(), sen: entitlement.sen.clone(), end })
}

/// Whether this can be the reference of evidence or of a certificate: it stands in paths, and in what customers send.
pub fn is_reference(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
}

/// The name of an organisation, as the issuer of its tokens gives it, without space around it: 1 to 120 characters that
/// can be seen.
pub fn organization(given: &str) -> Option<&str> {
    let given = given.trim();
    (!given.is_empty() && given.chars().count() <= 120 && given.chars().all(is_plain)).then_some(given)
}

fn few(faults: &mut Faults, pointer: &str, entries: usize) {
    if entries > MAX_ENTRIES {
        faults.add(Code::ValueInvalid, pointer, format!("There are more than {MAX_ENTRIES}."));
    }
}

fn in_order(faults: &mut Faults, pointer: &str, from: Date, expires: Date) {
    if expires < from {
        let detail = "This is the first day on which it no longer counts: it cannot be before the first on which it does.";
        faults.add(Code::ValueInvalid, pointer, detail);
    }
}
