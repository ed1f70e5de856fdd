//! Checks a request as a whole: the parties, the currency, the language, and what was accepted.

use std::{fmt::Display, net::IpAddr};

use jiff::{Timestamp, civil::Date};

use super::{
    claims::{Claiming, unconfirmed},
    facts::Facts,
    findings::Findings,
    judging::Judging,
    notes, printed,
    sent::{AddressRequest, PartyRequest, Request},
};
use crate::{
    Code, Currency, Policy,
    channel::{ChannelStatus, Partner},
    fault::Faults,
    form::{self, ContactRequest, required},
    government,
    name::LegalName,
    order::{Acceptance, Order, PurchasingFor, ReviewReason},
    party::{Address, Contact, Email, Party},
    policy::{LegalText, LineKind},
    price::{Basis, ClaimStanding, Line, SegmentClaim},
    redirection::{self, Redirection},
};

/// Where a request came from, as the audit records it (R6).
#[derive(Debug, Clone)]
pub struct Origin {
    /// When it arrived.
    pub at: Timestamp,
    /// The caller's IP address, when the gateway reports it.
    pub ip: Option<IpAddr>,
    /// The caller, if signed in: the subject of the token.
    pub subject: Option<String>,
    /// The e-mail address that the token proves.
    pub email: Option<Email>,
}

impl Request {
    /// Checks every rule and adds every fault. `Some` is an order without faults, as of the calendar day `today`. `facts` are
    /// the records that the request [wants](Self::wants).
    pub fn check(&self, policy: &Policy, facts: &Facts, origin: &Origin, today: Date, faults: &mut Faults) -> Option<Order> {
        let purchasing_for = self.purchasing_for(faults);
        let currency = self.currency(policy, faults);
        let customer = match &self.customer {
            Some(customer) => customer.check("/customer", self.proven_licensee(policy, facts), policy, faults),
            None => required(faults, "/customer"),
        };
        let technical_contact = self.customer.as_ref().and_then(|customer| match &customer.technical_contact {
            Some(contact) => person("/customer/technical_contact", contact, faults),
            None => required(faults, "/customer/technical_contact"),
        });
        let reseller = self.reseller(purchasing_for, policy, faults);
        let mut found = Findings { faults, warnings: Vec::new() };
        let bill_to = reseller.as_ref().map(Option::as_ref).and_then(|reseller| reseller.or(customer.as_ref()));
        let channel = standing(facts, bill_to, today, &mut found);
        let claiming = Claiming {
            policy,
            facts,
            customer: customer.as_ref(),
            contact: technical_contact.as_ref().map(|contact| &contact.email),
            today,
        };
        let segments = self.segment_claims(&claiming, &mut found);
        let judging = Judging {
            policy,
            facts,
            basis: currency.map(|currency| Basis {
                on: today,
                currency,
                channel: &channel,
                segments: segments.as_deref().unwrap_or_default(),
            }),
            today,
            channel: &channel,
            resold: purchasing_for == Some(PurchasingFor::Customer),
            contact: technical_contact.as_ref().map(|contact| &contact.email),
            licensee: customer.as_ref().map(|customer| &*customer.company),
        };
        let lines = self.lines(&judging, &mut found);
        let po_number = form::optional_text(found.faults, "/po_number", self.po_number.as_deref(), 40);
        let po_number = po_number.filter(|number| may_be_repeated("/po_number", number.as_deref(), found.faults));
        let notes = form::optional_lines(found.faults, "/notes", self.notes.as_deref(), 2_000);
        let locale = self.locale(policy, &mut found);
        let accepted = self.accepted(purchasing_for, policy, found.faults);

        let (purchasing_for, currency, reseller, customer) = (purchasing_for?, currency?, reseller?, customer?);
        let (technical_contact, lines, (terms, reseller_agreement)) = (technical_contact?, lines?, accepted?);
        let (segments, notes) = (segments?, notes?);
        let buyer = reseller.as_ref().unwrap_or(&customer);
        let tax_claims = self.tax_claims(policy, facts, buyer, today, &mut found);
        let mut review = self.review(&lines, &segments, notes.as_deref(), &mut found);
        let receiver = reseller.is_none().then_some(&technical_contact.email);
        review.extend(unconfirmed(&tax_claims, policy, facts, origin.email.as_ref(), receiver));
        if reseller.as_ref().is_some_and(|reseller| reseller.contact.email == technical_contact.email) {
            found.warn(
                "technical_contact_is_reseller",
                "/customer/technical_contact/email",
                "The technical contact has your own address. The key goes to this person: name a person at your customer, unless \
                 you manage the licences for them.",
            );
        }
        let order = Order {
            acceptance: Acceptance { terms, reseller_agreement, by: buyer.contact.clone(), at: origin.at, ip: origin.ip },
            purchasing_for,
            currency,
            reseller,
            customer,
            technical_contact,
            channel,
            segments,
            tax_claims,
            lines,
            review,
            po_number: po_number?,
            notes,
            locale: locale?,
            warnings: found.warnings,
        };
        Some(printed::warned(order, policy))
    }

    fn purchasing_for(&self, faults: &mut Faults) -> Option<PurchasingFor> {
        match self.purchasing_for.as_deref() {
            Some("customer") => Some(PurchasingFor::Customer),
            Some("self") => Some(PurchasingFor::Itself),
            Some(_) => {
                faults.add(
                    Code::ValueInvalid,
                    "/purchasing_for",
                    "This is not a known value. Write `customer` to buy for a customer, `self` to buy for your own organisation.",
                );
                None
            }
            None => required(faults, "/purchasing_for"),
        }
    }

    /// The reseller, present exactly when the buyer buys for a customer (R19). The outer `None` is a fault.
    fn reseller(&self, purchasing_for: Option<PurchasingFor>, policy: &Policy, faults: &mut Faults) -> Option<Option<Party>> {
        match (purchasing_for, &self.reseller) {
            (Some(PurchasingFor::Customer), Some(reseller)) => {
                if reseller.technical_contact.is_some() {
                    faults.add(
                        Code::NotExpected,
                        "/reseller/technical_contact",
                        "A reseller has no technical contact. Move it to /customer.",
                    );
                }
                reseller.check("/reseller", None, policy, faults).map(Some)
            }
            (Some(PurchasingFor::Customer), None) => required(faults, "/reseller"),
            (Some(PurchasingFor::Itself), Some(_)) => {
                faults.add(
                    Code::NotExpected,
                    "/reseller",
                    "An order for your own organisation has no reseller. Leave it out, or set `purchasing_for` to `customer`.",
                );
                None
            }
            (Some(PurchasingFor::Itself), None) => Some(None),
            (None, _) => None,
        }
    }

    fn currency(&self, policy: &Policy, faults: &mut Faults) -> Option<Currency> {
        let Some(code) = &self.currency else { return required(faults, "/currency") };
        let offered = policy.currencies();
        let currency = code.parse().ok().filter(|currency| offered.contains(currency));
        if currency.is_none() {
            let offered: Vec<_> = offered.iter().map(|currency| currency.code()).collect();
            let detail = format!("There are no prices in this currency. Choose one of: {}.", offered.join(", "));
            faults.add_allowing(Code::CurrencyNotOffered, "/currency", detail, offered);
        }
        currency
    }

    /// The language of letters and documents. A well-formed tag of a language without texts gives the vendor's default language
    /// (R115) and a warning.
    fn locale(&self, policy: &Policy, found: &mut Findings<'_>) -> Option<String> {
        let default = policy.wording.default_language();
        let Some(tag) = &self.locale else { return Some(default.to_owned()) };
        if !(2..=35).contains(&tag.len()) || !tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            found.faults.add(
                Code::ValueInvalid,
                "/locale",
                "This is not a language tag. Write one such as `en` or `ja-JP`, or leave it out.",
            );
            return None;
        }
        let offered = policy.wording.offered(tag);
        if offered.is_none() {
            let languages = form::list(policy.wording.languages().map(|language| format!("`{language}`")));
            let detail =
                format!("There are no texts in this language: letters and documents are in `{default}`. Available: {languages}.");
            found.warn("locale_not_offered", "/locale", detail);
        }
        Some(offered.unwrap_or(default).to_owned())
    }

    fn accepted(
        &self,
        purchasing_for: Option<PurchasingFor>,
        policy: &Policy,
        faults: &mut Faults,
    ) -> Option<(String, Option<String>)> {
        let mut current = |given: &Option<String>, name: &str, what: &str, text: &LegalText| {
            let accepted = given.as_deref() == Some(&text.version);
            if !accepted {
                let LegalText { version, url } = text;
                let detail = format!("Accept the current {what}, version `{version}`: read {url}, then send that version here.");
                faults.add_allowing(Code::TermsNotAccepted, format!("/accept/{name}"), detail, [version]);
            }
            accepted.then(|| text.version.clone())
        };
        let terms = current(&self.accept.terms, "terms", "terms", &policy.terms);
        match purchasing_for {
            Some(PurchasingFor::Customer) => {
                let agreement = current(
                    &self.accept.reseller_agreement,
                    "reseller_agreement",
                    "reseller agreement",
                    &policy.reseller_agreement,
                );
                Some((terms?, Some(agreement?)))
            }
            Some(PurchasingFor::Itself) if self.accept.reseller_agreement.is_some() => {
                let detail = "An order for your own organisation accepts no reseller agreement. Leave it out.";
                faults.add(Code::NotExpected, "/accept/reseller_agreement", detail);
                None
            }
            _ => Some((terms?, None)),
        }
    }

    /// The reasons for a review that follow from lines, claims and notes. Every co-term is reviewed, also one that is left out
    /// because its line ends later already (R41).
    fn review(
        &self,
        lines: &[Line],
        segments: &[SegmentClaim],
        notes: Option<&str>,
        found: &mut Findings<'_>,
    ) -> Vec<ReviewReason> {
        let ordered = self.lines.iter().any(|line| line.kind.as_deref() == Some(LineKind::Coterm.as_str()));
        let noted = notes.is_some_and(notes::ask_for_a_common_end);
        if noted && !ordered {
            found.warn(
                "coterm_in_notes",
                "/notes",
                "These notes seem to ask for a common end date, so our staff review the order. It is priced at once if each licence \
                 is a line of kind `coterm`, with its `sen` and the date as `until`.",
            );
        }
        let pending = segments.iter().any(|claim| claim.standing == ClaimStanding::Pending);
        let reasons = [
            (ordered || noted, ReviewReason::CotermRequested),
            (pending, ReviewReason::SegmentEvidencePending),
            (government::is_unverified(lines, segments), ReviewReason::GovernmentUnverified),
            (lines.iter().any(|line| line.order.site.is_some()), ReviewReason::ExistingSite),
        ];
        reasons.into_iter().filter(|(applies, _)| *applies).map(|(_, reason)| reason).collect()
    }
}

impl PartyRequest {
    /// The party. `licensee` is its name as the entitlements state it that the order changes: a name that is left out.
    fn check(&self, at: impl Display + Copy, licensee: Option<&str>, policy: &Policy, faults: &mut Faults) -> Option<Party> {
        let written = self.company.as_deref().filter(|company| !company.trim().is_empty());
        let company = form::name(faults, format_args!("{at}/company"), written.or(licensee), 120);
        let contact = person(format_args!("{at}/contact"), &self.contact, faults);
        let own = contact.as_ref().map(|contact| contact.email.domain());
        // A name that the vendor has recorded is the organisation's name, whatever is in it.
        let is_recorded = |name: &str| licensee.is_some_and(|licensee| LegalName::new(licensee) == LegalName::new(name));
        let company = company.filter(|name| {
            let found = redirection::in_legal_name(name, own).filter(|_| !is_recorded(name));
            accepted(format_args!("{at}/company"), found, faults)
        });
        let address = self.address.check(format_args!("{at}/address"), policy, faults);
        Some(Party { company: company?, contact: contact?, address: address? })
    }
}

impl AddressRequest {
    fn check(&self, at: impl Display + Copy, policy: &Policy, faults: &mut Faults) -> Option<Address> {
        let street = form::text(faults, format_args!("{at}/street"), self.street.as_deref(), 200);
        let city = form::text(faults, format_args!("{at}/city"), self.city.as_deref(), 100);
        let postal_code = form::optional_text(faults, format_args!("{at}/postal_code"), self.postal_code.as_deref(), 20);
        let street = street.filter(|street| may_be_repeated(format_args!("{at}/street"), Some(street), faults));
        let city = city.filter(|city| may_be_repeated(format_args!("{at}/city"), Some(city), faults));
        let postal_code = postal_code.filter(|code| may_be_repeated(format_args!("{at}/postal_code"), code.as_deref(), faults));
        let country = form::country(faults, format_args!("{at}/country"), self.country.as_deref());
        let region = country.as_deref().and_then(|country| self.region(at, country, policy, faults));
        Some(Address { street: street?, city: city?, postal_code: postal_code?, region: region?, country: country? })
    }

    /// The outer `None` is a fault.
    fn region(&self, at: impl Display + Copy, country: &str, policy: &Policy, faults: &mut Faults) -> Option<Option<String>> {
        let region = form::optional_region(faults, format_args!("{at}/region"), country, self.region.as_deref())?;
        if region.is_none() && policy.tax.by_region(country) {
            let detail = format!("Tax in {country} depends on the region: give its ISO 3166-2 code, `{country}-…`.");
            faults.add(Code::Required, format_args!("{at}/region"), detail);
            return None;
        }
        Some(region)
    }
}

/// A required person, whose name is nothing else than a name (C2).
fn person(at: impl Display + Copy, given: &ContactRequest, faults: &mut Faults) -> Option<Contact> {
    let contact = form::contact(faults, at, given)?;
    accepted(format_args!("{at}/name"), redirection::in_name(&contact.name), faults).then_some(contact)
}

/// Whether letters may repeat a text (C2). Adds the fault of one that they may not.
fn may_be_repeated(pointer: impl Display, text: Option<&str>, faults: &mut Faults) -> bool {
    accepted(pointer, text.and_then(redirection::in_text), faults)
}

/// Whether nothing was found in a text that could send its reader elsewhere (C2). Adds the fault of what was found.
fn accepted(pointer: impl Display, found: Option<Redirection>, faults: &mut Faults) -> bool {
    if let Some(found) = &found {
        faults.add(Code::ContactDetailsNotAllowed, pointer, found.detail());
    }
    found.is_none()
}

/// The channel standing of the billed organisation. A member's discount is for its own purchases: a caller that is signed in
/// for one organisation and bills another one has no standing (R36, R55).
fn standing(facts: &Facts, bill_to: Option<&Party>, today: Date, found: &mut Findings<'_>) -> ChannelStatus {
    let why = match (&facts.partner, &facts.organization, bill_to) {
        (None, None, _) | (_, _, None) => return ChannelStatus::Unaffiliated,
        (Some(Partner { name, .. }), _, Some(bill_to)) if LegalName::new(name) != LegalName::new(&bill_to.company) => {
            format!("You are signed in for {name}, but another organisation is billed")
        }
        (Some(partner), _, Some(_)) => match partner.status(today) {
            ChannelStatus::Unaffiliated => format!("{} is in no programme today", partner.name),
            member => return member,
        },
        (None, Some(organization), Some(_)) => format!("You are signed in for {organization}, which is in no programme"),
    };
    found.warn("channel_not_applied", "/purchasing_for", format!("{why}: there is no programme discount."));
    ChannelStatus::Unaffiliated
}
