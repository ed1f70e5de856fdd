//! Random vendors and orders, converted to the input of the crate.

use std::collections::BTreeMap;

use domain::{
    Currency, Policy, QuoteNumber, Sen,
    channel::{ChannelStatus, Membership, Partner},
    evidence::{SegmentEvidence, TaxCertificate, VAT_ID},
    license::{Entitlement, Kind, Statement},
    money::Percent,
    number::Minter,
    party::{Address, Contact, Email},
    policy::LineKind,
    price::{self, Basis, ClaimStanding, OrderLine, SegmentClaim, Unavailable},
    request::{
        AcceptRequest, AddressRequest, ContactRequest, Facts, LineRequest, Origin, PartyRequest, Request, SegmentRequest,
        TaxRequest,
    },
    tax::TaxClaim,
};
use jiff::{Timestamp, civil::date, tz::TimeZone};

use super::{Claim, Deployment, Held, Line, Order, Place, Standing, Vendor, vendor::decimal};

const LICENSEE: &str = "Example Customer Inc.";
const RESELLER: &str = "Example Reseller GmbH";
const TECHNICAL_CONTACT: &str = "tina@customer.example";

/// The numbers of the entitlements that the customer of an order may have: two for each line.
pub(crate) struct Numbers(Vec<[Sen; 2]>);

impl Numbers {
    pub(crate) fn of(lines: u32) -> Self {
        let minter = Minter::new(b"key");
        let quote: QuoteNumber = minter.quote_from_seed("held");
        Self((0..lines).map(|line| [minter.sen(&quote, line, 0), minter.sen(&quote, line, 1)]).collect())
    }
}

pub(crate) fn policy(vendor: &Vendor, others: &BTreeMap<String, String>) -> Policy {
    Policy::read(&vendor.files(others)).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// The basis that lines are priced with.
pub(crate) struct Circumstances {
    channel: ChannelStatus,
    segments: Vec<SegmentClaim>,
}

impl Circumstances {
    pub(crate) fn of(order: &Order) -> Self {
        let channel = order.member.map_or(ChannelStatus::Unaffiliated, |(programme, tier)| ChannelStatus::Member {
            organization: "org-1".to_owned(),
            programme: programme.to_owned(),
            tier: tier.map(str::to_owned),
        });
        let claim = |(segment, standing): &(&str, Standing)| SegmentClaim {
            segment: (*segment).to_owned(),
            evidence: None,
            registration_number: None,
            country: None,
            document: None,
            standing: match standing {
                Standing::Proven => ClaimStanding::Proven,
                Standing::Pending => ClaimStanding::Pending,
                Standing::Incomplete => ClaimStanding::Incomplete,
            },
        };
        Self { channel, segments: order.segments.iter().map(claim).collect() }
    }

    /// Prices one line of the order.
    pub(crate) fn price(&self, order: &Order, line: &OrderLine, policy: &Policy) -> Result<price::Line, Unavailable> {
        let basis = Basis { on: order.on, currency: currency(order.currency), channel: &self.channel, segments: &self.segments };
        price::line(1, line, &basis, policy)
    }
}

pub(crate) fn currency(code: &str) -> Currency {
    code.parse().expect("a currency")
}

pub(crate) fn order_line(line: &Line, n: usize, vendor: &Vendor, numbers: &Numbers) -> OrderLine {
    let [held_sen, source_sen] = &numbers.0[n];
    let held = |held: &Held, sen: &Sen| price::Held {
        sen: sen.clone(),
        product: vendor.products[held.product].id.to_owned(),
        edition: held.edition.map(str::to_owned),
        tier: held.tier,
        end: held.end,
        same_partner: held.same_partner,
        discount: discount(held),
        lowered_from: None,
        technical_contact: None,
    };
    OrderLine {
        kind: line.kind.parse::<LineKind>().expect("a kind"),
        product: vendor.products[line.product].id.to_owned(),
        edition: line.edition.map(str::to_owned),
        users: line.users,
        months: line.months,
        until: line.until,
        held: line.held.as_ref().map(|it| held(it, held_sen)),
        source: line.source.as_ref().map(|it| held(it, source_sen)),
        site: None,
    }
}

pub(crate) fn address((country, region): Place) -> Address {
    Address {
        street: "2 Sample Avenue".to_owned(),
        city: "Sampleton".to_owned(),
        postal_code: None,
        region: region.map(str::to_owned),
        country: country.to_owned(),
    }
}

pub(crate) fn tax_claims(order: &Order) -> Vec<TaxClaim> {
    let claim = |claim: &Claim| TaxClaim {
        kind: claim.kind.to_owned(),
        number: "1".to_owned(),
        country: claim.place.0.to_owned(),
        region: claim.place.1.map(str::to_owned),
    };
    order.claims.iter().map(claim).collect()
}

/// Noon of the day, in the vendor's time zone.
pub(crate) fn origin(order: &Order) -> Origin {
    let at = order.on.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).map_or(Timestamp::UNIX_EPOCH, |noon| noon.timestamp());
    Origin { at, ip: None, subject: None, email: None }
}

/// The order as a request, with the records about its buyer.
pub(crate) fn request(order: &Order, vendor: &Vendor, numbers: &Numbers) -> (Request, Facts) {
    let text = |text: &str| Some(text.to_owned());
    let person = |name: &str, email: &str| ContactRequest { name: text(name), email: text(email) };
    let party = |company: &str, place: Place, technical_contact: Option<ContactRequest>| {
        let Address { street, city, postal_code, region, country } = address(place);
        let address = AddressRequest { street: Some(street), city: Some(city), postal_code, region, country: Some(country) };
        PartyRequest { company: text(company), contact: person("Carl Buyer", "carl@buyer.example"), address, technical_contact }
    };
    let by_the_month = order.lines.iter().any(|line| vendor.products[line.product].deployment == Deployment::Monthly);
    let resold = !by_the_month && order.billing != order.customer;
    let customer = if resold { order.customer } else { order.billing };
    let claimed = |kind: &str| order.claims.iter().find(|claim| (claim.kind == VAT_ID) == (kind == VAT_ID));
    let vat_id = claimed(VAT_ID).map(|claim| if claim.place.0 == "DE" { "DE136695976" } else { "FR40303265045" });
    let request = Request {
        purchasing_for: text(if resold { "customer" } else { "self" }),
        currency: text(order.currency),
        reseller: resold.then(|| party(RESELLER, order.billing, None)),
        customer: Some(party(LICENSEE, customer, Some(person("Tina Admin", TECHNICAL_CONTACT)))),
        lines: order.lines.iter().zip(&numbers.0).map(|(line, numbers)| line_request(line, vendor, numbers)).collect(),
        segments: order.segments.iter().map(|(segment, standing)| segment_request(segment, *standing)).collect(),
        tax: TaxRequest { vat_id: vat_id.map(str::to_owned), certificate: claimed("").and_then(|_| text("C-1")) },
        accept: AcceptRequest { terms: text("2026-10"), reseller_agreement: text("2026-10").filter(|_| resold) },
        ..Request::default()
    };
    let buyer = if resold { RESELLER } else { LICENSEE };
    let member = order.member.map(|(programme, tier)| partner(programme, tier));
    let mut facts = Facts { partner: member, ..Facts::default() };
    for (segment, standing) in &order.segments {
        let evidence = (*standing == Standing::Proven).then(|| (format!("E-{segment}"), evidence(segment)));
        facts.evidence.extend(evidence);
    }
    for claim in &order.claims {
        let id = if claim.kind == VAT_ID { vat_id.unwrap_or_default() } else { "C-1" };
        facts.certificates.insert(id.to_owned(), certificate(id, claim, buyer));
    }
    for (line, [held_sen, source_sen]) in order.lines.iter().zip(&numbers.0) {
        for (held, sen) in [(&line.held, held_sen), (&line.source, source_sen)] {
            facts.entitlements.extend(held.as_ref().map(|held| (sen.clone(), entitlement(held, sen, vendor))));
        }
    }
    (request, facts)
}

fn line_request(line: &Line, vendor: &Vendor, [held, source]: &[Sen; 2]) -> LineRequest {
    let text = |text: &str| Some(text.to_owned());
    LineRequest {
        kind: text(line.kind),
        product: text(vendor.products[line.product].id),
        edition: line.edition.map(str::to_owned),
        users: Some(line.users.into()),
        term_months: (line.months > 0).then(|| line.months.into()),
        until: line.until.map(|day| day.to_string()),
        sen: line.held.as_ref().map(|_| held.to_string()),
        migrates_from: line.source.as_ref().map(|_| source.to_string()),
        ..LineRequest::default()
    }
}

fn segment_request(segment: &str, standing: Standing) -> SegmentRequest {
    let evidence = (standing != Standing::Incomplete).then(|| format!("E-{segment}"));
    SegmentRequest { segment: Some(segment.to_owned()), evidence, ..SegmentRequest::default() }
}

fn partner(programme: &str, tier: Option<&str>) -> Partner {
    let membership =
        Membership { programme: programme.to_owned(), tier: tier.map(str::to_owned), from: date(2020, 1, 1), until: None };
    Partner { organization: "org-1".to_owned(), version: 1, name: RESELLER.to_owned(), memberships: vec![membership] }
}

fn evidence(segment: &str) -> SegmentEvidence {
    SegmentEvidence {
        id: format!("E-{segment}"),
        version: 1,
        segment: segment.to_owned(),
        organization: LICENSEE.to_owned(),
        registration_number: None,
        country: None,
        domains: vec!["customer.example".to_owned()],
        document: Some("letter".to_owned()),
        verified_by: "desk".to_owned(),
        verified_on: date(2020, 1, 1),
        expires: date(2040, 1, 1),
    }
}

fn certificate(id: &str, claim: &Claim, buyer: &str) -> TaxCertificate {
    TaxCertificate {
        id: id.to_owned(),
        version: 1,
        kind: claim.kind.to_owned(),
        organization: buyer.to_owned(),
        country: claim.place.0.to_owned(),
        region: claim.place.1.map(str::to_owned),
        number: "1".to_owned(),
        domains: Vec::new(),
        document: None,
        verified_by: "desk".to_owned(),
        from: date(2020, 1, 1),
        expires: date(2040, 1, 1),
    }
}

fn discount(held: &Held) -> Option<Percent> {
    held.discount.map(|thousandths| serde_json::from_str(&decimal(thousandths)).expect("a percentage"))
}

fn entitlement(held: &Held, sen: &Sen, vendor: &Vendor) -> Entitlement {
    let product = &vendor.products[held.product];
    let contact = |name: &str, email: &str| Contact { name: name.to_owned(), email: Email::parse(email).expect("an address") };
    let perpetual = product.deployment == Deployment::Perpetual;
    Entitlement {
        sen: sen.clone(),
        version: 1,
        kind: match product.deployment {
            Deployment::Perpetual => Kind::Perpetual,
            Deployment::Term => Kind::Term,
            _ => Kind::Subscription,
        },
        product: product.id.to_owned(),
        product_name: product.id.to_owned(),
        licensee: LICENSEE.to_owned(),
        technical_contact: contact("Tina Admin", TECHNICAL_CONTACT),
        statement: Statement {
            quote: None,
            line: 0,
            edition: held.edition.map(str::to_owned),
            tier: held.tier,
            purchaser: RESELLER.to_owned(),
            purchaser_contact: contact("Carl Buyer", "carl@buyer.example"),
            organization: held.same_partner.then(|| "org-1".to_owned()),
            partner: held.same_partner.then(|| "org-1".to_owned()),
            purchased: date(2025, 1, 1),
            maintenance_end: perpetual.then_some(held.end),
            term_end: (!perpetual).then_some(held.end),
            discount: discount(held),
            next: None,
            issued_at: Timestamp::UNIX_EPOCH,
            file: None,
        },
        refunded_by: None,
        migrated_by: None,
        earlier: Vec::new(),
    }
}
