//! A quote request as it arrives: everything may be missing, and nothing is trusted. [`Request::check`] turns it into
//! an [`Order`], or says everything that is wrong with it.

use std::{net::IpAddr, str::FromStr};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    Code, Currency, Policy,
    fault::Faults,
    party::{Address, Contact, Email, Party},
    place,
    policy::{Deployment, Document, Product},
};

/// The most lines that one quote can hold. A hundred lines still fit on a document, and in one stored item.
pub const MAX_LINES: usize = 100;

/// What was sent, member by member; `None` is a member that was absent or unreadable.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct Request {
    pub purchasing_for: Option<String>,
    pub currency: Option<String>,
    pub reseller: Option<PartyRequest>,
    pub customer: Option<PartyRequest>,
    pub lines: Vec<LineRequest>,
    pub po_number: Option<String>,
    pub notes: Option<String>,
    pub accept: AcceptRequest,
    pub locale: Option<String>,
}

/// An organisation as it was sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct PartyRequest {
    pub company: Option<String>,
    pub contact: ContactRequest,
    pub address: AddressRequest,
    pub technical_contact: Option<ContactRequest>,
}

/// A person as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct ContactRequest {
    pub name: Option<String>,
    pub email: Option<String>,
}

/// An address as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct AddressRequest {
    pub street: Option<String>,
    pub city: Option<String>,
    pub postal_code: Option<String>,
    pub region: Option<String>,
    pub country: Option<String>,
}

/// A line as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct LineRequest {
    pub kind: Option<String>,
    pub product: Option<String>,
    pub users: Option<i64>,
    pub term_months: Option<i64>,
}

/// Which versions of which texts were accepted.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct AcceptRequest {
    pub terms: Option<String>,
    pub reseller_agreement: Option<String>,
}

/// Where a request came from, as far as the audit wants to know (R6).
#[derive(Debug, Clone)]
pub struct Origin {
    /// When it arrived.
    pub at: Timestamp,
    /// The caller's address, when the gateway tells it.
    pub ip: Option<IpAddr>,
}

/// For whom the buyer buys (R19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PurchasingFor {
    /// A reseller buys on behalf of an end customer: the reseller is billed, the customer is licensed.
    Customer,
    /// The buyer is the licensee.
    #[serde(rename = "self")]
    Itself,
}

/// What a line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Something that the customer does not have yet.
    New,
}

impl FromStr for LineKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "new" => Ok(Self::New),
            _ => Err(()),
        }
    }
}

/// A request that the rules allow, with nothing left to check but the price.
#[derive(Debug, Clone)]
pub struct Order<'p> {
    /// For whom.
    pub purchasing_for: PurchasingFor,
    /// The currency of the whole document.
    pub currency: Currency,
    /// The reseller, exactly when it buys for a customer.
    pub reseller: Option<Party>,
    /// The end customer: the licensee.
    pub customer: Party,
    /// The person who will receive the key.
    pub technical_contact: Contact,
    /// What is ordered, in the order of the request.
    pub lines: Vec<OrderLine<'p>>,
    /// The buyer's own reference.
    pub po_number: Option<String>,
    /// Additional Notes (R40).
    pub notes: Option<String>,
    /// What was accepted, by whom, when and from where (R6, R21).
    pub acceptance: Acceptance,
    /// The language that the buyer reads.
    pub locale: String,
    /// Odd, but allowed (R20).
    pub warnings: Vec<Warning>,
}

/// A line that can be priced.
#[derive(Debug, Clone)]
pub struct OrderLine<'p> {
    /// What the line does.
    pub kind: LineKind,
    /// What is sold.
    pub product: &'p Product,
    /// Users asked for: the tier follows from it.
    pub users: u32,
    /// Months covered: of the term, or of the maintenance that a perpetual licence includes.
    pub months: u32,
}

/// The proof of acceptance (R6): per order, with person, time and address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// Version of the product terms; a reseller accepts them on behalf of its customer (R21).
    pub terms: String,
    /// Version of the reseller agreement, when a reseller buys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reseller_agreement: Option<String>,
    /// Who accepted.
    pub by: Contact,
    /// When.
    pub at: Timestamp,
    /// From which address, when the gateway tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
}

/// Something the buyer should know, that does not stop the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Stable name.
    pub code: String,
    /// Where, as a JSON pointer into the request.
    pub pointer: String,
    /// For people.
    pub detail: String,
}

impl Request {
    /// Checks every rule and notes every fault; `Some` is an order without fault, as of the calendar day `today`.
    pub fn check<'p>(&self, policy: &'p Policy, origin: &Origin, today: Date, faults: &mut Faults) -> Option<Order<'p>> {
        let purchasing_for = match self.purchasing_for.as_deref() {
            Some("customer") => Some(PurchasingFor::Customer),
            Some("self") => Some(PurchasingFor::Itself),
            Some(_) => {
                faults.add(
                    Code::ValueInvalid,
                    "/purchasing_for",
                    "Say `customer` when you buy for somebody else, `self` when you buy for your own organisation.",
                );
                None
            }
            None => required(faults, "/purchasing_for"),
        };
        let currency = self.currency(policy, faults);
        let customer = match &self.customer {
            Some(customer) => customer.check("/customer", policy, faults),
            None => required(faults, "/customer"),
        };
        let technical_contact = self.customer.as_ref().and_then(|customer| match &customer.technical_contact {
            Some(contact) => contact.check("/customer/technical_contact", faults),
            None => required(faults, "/customer/technical_contact"),
        });
        let reseller = match (purchasing_for, &self.reseller) {
            (Some(PurchasingFor::Customer), Some(reseller)) => {
                if reseller.technical_contact.is_some() {
                    faults.add(
                        Code::NotExpected,
                        "/reseller/technical_contact",
                        "The technical contact is the customer's: move it to /customer.",
                    );
                }
                reseller.check("/reseller", policy, faults).map(Some)
            }
            (Some(PurchasingFor::Customer), None) => required(faults, "/reseller"),
            (Some(PurchasingFor::Itself), Some(_)) => {
                faults.add(
                    Code::NotExpected,
                    "/reseller",
                    "You buy for yourself, so there is no reseller. Leave it out, or set `purchasing_for` to `customer`.",
                );
                None
            }
            (Some(PurchasingFor::Itself), None) => Some(None),
            (None, _) => None,
        };
        let lines = self.lines(policy, currency, today, faults);
        let po_number = optional_text(faults, "/po_number", self.po_number.as_deref(), 40, false);
        let notes = optional_text(faults, "/notes", self.notes.as_deref(), 2_000, true);
        let locale = self.locale(policy, faults);
        let accepted = self.accepted(purchasing_for, policy, faults);

        let (purchasing_for, currency, reseller, customer) = (purchasing_for?, currency?, reseller?, customer?);
        let (technical_contact, lines, (terms, reseller_agreement)) = (technical_contact?, lines?, accepted?);
        let buyer = reseller.as_ref().unwrap_or(&customer);
        let mut warnings = Vec::new();
        if reseller.as_ref().is_some_and(|reseller| reseller.contact.email == technical_contact.email) {
            warnings.push(Warning {
                code: "technical_contact_is_reseller".to_owned(),
                pointer: "/customer/technical_contact/email".to_owned(),
                detail: "The technical contact has your own address. The key goes to this person: name somebody at your customer, unless you manage the licences for them.".to_owned(),
            });
        }
        Some(Order {
            acceptance: Acceptance { terms, reseller_agreement, by: buyer.contact.clone(), at: origin.at, ip: origin.ip },
            purchasing_for,
            currency,
            reseller,
            customer,
            technical_contact,
            lines,
            po_number: po_number?,
            notes: notes?,
            locale: locale?,
            warnings,
        })
    }

    fn currency(&self, policy: &Policy, faults: &mut Faults) -> Option<Currency> {
        let Some(code) = &self.currency else { return required(faults, "/currency") };
        let offered = policy.currencies();
        let currency = code.parse().ok().filter(|currency| offered.contains(currency));
        if currency.is_none() {
            let offered: Vec<_> = offered.iter().map(|currency| currency.code()).collect();
            faults.add(
                Code::CurrencyNotOffered,
                "/currency",
                format!("Prices are in {}. Choose one of these.", offered.join(", ")),
            );
        }
        currency
    }

    fn lines<'p>(
        &self,
        policy: &'p Policy,
        currency: Option<Currency>,
        today: Date,
        faults: &mut Faults,
    ) -> Option<Vec<OrderLine<'p>>> {
        if self.lines.is_empty() || self.lines.len() > MAX_LINES {
            faults.add(Code::LineCount, "/lines", format!("A quote has 1 to {MAX_LINES} lines."));
            return None;
        }
        let checked: Vec<_> =
            self.lines.iter().enumerate().map(|(i, line)| line.check(i, policy, currency, today, faults)).collect();
        checked.into_iter().collect()
    }

    /// Any language tag is welcome: what the vendor does not speak is answered in the vendor's default (R115).
    fn locale(&self, policy: &Policy, faults: &mut Faults) -> Option<String> {
        let Some(tag) = &self.locale else { return Some(policy.wording.default_language().to_owned()) };
        let plain = (2..=35).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !plain {
            faults.add(Code::ValueInvalid, "/locale", "Give a language tag such as `en` or `ja-JP`, or leave it out.");
        }
        plain.then(|| policy.wording.negotiate(tag).to_owned())
    }

    fn accepted(
        &self,
        purchasing_for: Option<PurchasingFor>,
        policy: &Policy,
        faults: &mut Faults,
    ) -> Option<(String, Option<String>)> {
        let mut current = |given: &Option<String>, name: &str, what: &str, document: &Document| {
            let accepted = given.as_deref() == Some(&document.version);
            if !accepted {
                let Document { version, url } = document;
                let detail = format!("Accept the current {what}, version `{version}`: read {url}, then send that version here.");
                faults.add(Code::TermsNotAccepted, format!("/accept/{name}"), detail);
            }
            accepted.then(|| document.version.clone())
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
            _ => Some((terms?, None)),
        }
    }
}

impl LineRequest {
    fn check<'p>(
        &self,
        index: usize,
        policy: &'p Policy,
        currency: Option<Currency>,
        today: Date,
        faults: &mut Faults,
    ) -> Option<OrderLine<'p>> {
        let at = |member: &str| format!("/lines/{index}/{member}");
        let product = match &self.product {
            None => required(faults, at("product")),
            Some(id) => {
                let product = policy.product(id);
                if product.is_none() {
                    let known: Vec<_> = policy.products.iter().map(|product| &*product.id).collect();
                    faults.add(
                        Code::ProductUnknown,
                        at("product"),
                        format!("There is no such product. There are: {}.", known.join(", ")),
                    );
                }
                product
            }
        };
        let kind = match &self.kind {
            None => required(faults, at("kind")),
            Some(kind) => {
                let kind = kind.parse().ok().filter(|kind| product.is_none_or(|product| product.kinds.contains(kind)));
                if kind.is_none() {
                    faults.add(Code::KindNotOffered, at("kind"), "This product cannot be ordered in this way here. `new` orders something that the customer does not have yet.");
                }
                kind
            }
        };
        let users = match self.users {
            None => required(faults, at("users")),
            Some(users) => {
                let positive = u32::try_from(users).ok().filter(|&users| users > 0);
                if positive.is_none() {
                    faults.add(Code::QuantityInvalid, at("users"), "Give the number of users as a whole number, 1 or more.");
                }
                positive
            }
        };
        if let (Some(product), Some(currency)) = (product, currency) {
            match (policy.price_table(product, currency, today), users) {
                (None, _) => {
                    faults.add(Code::NotPricedInCurrency, at("product"), format!("{} is not sold in {currency}.", product.name))
                }
                (Some(table), Some(users)) if table.tier(users).is_none() => {
                    let detail = format!(
                        "The largest tier of {} has {} users. For more, ask us for an offer.",
                        product.name,
                        table.largest_tier()
                    );
                    faults.add(Code::NoTierForQuantity, at("users"), detail);
                }
                _ => {}
            }
        }
        let months = product.and_then(|product| match (self.term_months, product.deployment) {
            (None, Deployment::SelfManagedPerpetual { maintenance_months }) => Some(maintenance_months),
            (None, _) => required(faults, at("term_months")),
            (Some(months), _) => {
                let offered = product.terms();
                let months = u32::try_from(months).ok().filter(|months| offered.contains(months));
                if months.is_none() {
                    let offered: Vec<_> = offered.iter().map(u32::to_string).collect();
                    faults.add(
                        Code::TermNotOffered,
                        at("term_months"),
                        format!("{} is sold for {} months.", product.name, offered.join(", ")),
                    );
                }
                months
            }
        });
        Some(OrderLine { kind: kind?, product: product?, users: users?, months: months? })
    }
}

impl PartyRequest {
    fn check(&self, at: &str, policy: &Policy, faults: &mut Faults) -> Option<Party> {
        let company = text(faults, format!("{at}/company"), self.company.as_deref(), 120);
        let contact = self.contact.check(&format!("{at}/contact"), faults);
        let address = self.address.check(&format!("{at}/address"), policy, faults);
        Some(Party { company: company?, contact: contact?, address: address? })
    }
}

impl ContactRequest {
    fn check(&self, at: &str, faults: &mut Faults) -> Option<Contact> {
        let name = text(faults, format!("{at}/name"), self.name.as_deref(), 120);
        let email = match self.email.as_deref().map(str::trim).filter(|email| !email.is_empty()) {
            None => required(faults, format!("{at}/email")),
            Some(email) => {
                let email = Email::parse(email);
                if email.is_none() {
                    faults.add(
                        Code::EmailInvalid,
                        format!("{at}/email"),
                        "This is not an e-mail address such as name@example.com.",
                    );
                }
                email
            }
        };
        Some(Contact { name: name?, email: email? })
    }
}

impl AddressRequest {
    fn check(&self, at: &str, policy: &Policy, faults: &mut Faults) -> Option<Address> {
        let street = text(faults, format!("{at}/street"), self.street.as_deref(), 200);
        let city = text(faults, format!("{at}/city"), self.city.as_deref(), 100);
        let postal_code = optional_text(faults, &format!("{at}/postal_code"), self.postal_code.as_deref(), 20, false);
        let country = match &self.country {
            None => required(faults, format!("{at}/country")),
            Some(code) => {
                let known = place::is_country(code).then_some(code.as_str());
                if known.is_none() {
                    faults.add(
                        Code::CountryUnknown,
                        format!("{at}/country"),
                        "Give the country as two capital letters of ISO 3166, such as `US` or `JP`.",
                    );
                }
                known
            }
        };
        let region = country.and_then(|country| self.region(at, country, policy, faults));
        Some(Address { street: street?, city: city?, postal_code: postal_code?, region: region?, country: country?.to_owned() })
    }

    /// The outer `None` is a fault. A region may come with or without its country: `CA` and `US-CA` are the same.
    fn region(&self, at: &str, country: &str, policy: &Policy, faults: &mut Faults) -> Option<Option<String>> {
        let at = format!("{at}/region");
        match self.region.as_deref().map(str::trim).filter(|region| !region.is_empty()) {
            Some(region) => {
                let code =
                    if region.starts_with(&format!("{country}-")) { region.to_owned() } else { format!("{country}-{region}") };
                let known = place::is_subdivision(&code);
                if !known {
                    faults.add(
                        Code::RegionUnknown,
                        at,
                        format!("ISO 3166-2 has no such subdivision of {country}. Write it as `{country}-…`."),
                    );
                }
                known.then_some(Some(code))
            }
            None if policy.tax.by_region(country) => {
                faults.add(
                    Code::Required,
                    at,
                    format!("Tax in {country} depends on the region: give its ISO 3166-2 code, `{country}-…`."),
                );
                None
            }
            None => Some(None),
        }
    }
}

fn required<T>(faults: &mut Faults, pointer: impl Into<String>) -> Option<T> {
    faults.add(Code::Required, pointer, "This is required.");
    None
}

fn text(faults: &mut Faults, pointer: String, given: Option<&str>, longest: usize) -> Option<String> {
    match given.map(str::trim) {
        None | Some("") => required(faults, pointer),
        Some(given) => one_text(faults, &pointer, given, longest, false),
    }
}

/// The outer `None` is a fault; the inner, a text that was not given.
fn optional_text(faults: &mut Faults, pointer: &str, given: Option<&str>, longest: usize, lines: bool) -> Option<Option<String>> {
    match given.map(str::trim) {
        None | Some("") => Some(None),
        Some(given) => one_text(faults, pointer, given, longest, lines).map(Some),
    }
}

/// A text that can stand in a letter's header, on a document and in a log of the buyer's: bounded, without control
/// characters and without characters that reverse or hide text. Line breaks are for notes alone.
fn one_text(faults: &mut Faults, pointer: &str, given: &str, longest: usize, lines: bool) -> Option<String> {
    let hidden = |c: char| (c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'))) || is_invisible(c);
    if given.chars().count() > longest {
        faults.add(Code::ValueInvalid, pointer, format!("This is longer than {longest} characters."));
        None
    } else if given.chars().any(hidden) {
        faults.add(
            Code::ValueInvalid,
            pointer,
            if lines {
                "This has a character that cannot be printed: remove it."
            } else {
                "This has a line break or another character that cannot be printed. Write it on one plain line."
            },
        );
        None
    } else {
        Some(given.to_owned())
    }
}

/// What makes a text look other than it is, or makes nothing look like something: zero-width spaces, soft hyphens,
/// direction marks, overrides and isolates, separators, annotations, tags. Joiners belong to words in some scripts, and
/// stay.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}
