//! The order of the benchmarks: 50 lines of every kind, on the example vendor's products or on those of a large vendor, sold by
//! a programme's member to a verified academic institution, and taxed twice.
#![allow(dead_code, reason = "each benchmark uses its part of it")]

use std::collections::BTreeMap;

use domain::{
    Policy, Sen,
    channel::{Membership, Partner},
    evidence::SegmentEvidence,
    fault::Faults,
    license::{self, Entitlement, Kind},
    link::LinkKeys,
    number::Minter,
    party::{Contact, Email},
    quote::{IssueContext, Offer},
    request::{AcceptRequest, AddressRequest, ContactRequest, Facts, LineRequest, Origin, PartyRequest, Request, SegmentRequest},
};
use jiff::{Timestamp, civil::date};

#[path = "../../tests/vendor/mod.rs"]
#[allow(clippy::unwrap_used, reason = "shared with the tests: without the example vendor nothing is measured")]
pub(crate) mod vendor;

pub(crate) const LINES: usize = 50;

const LICENSEE: &str = "Example University";
const TECHNICAL_CONTACT: &str = "tina@customer.example";

/// A product that the lines order.
struct Sold {
    product: String,
    edition: Option<&'static str>,
    kind: Kind,
    /// Two neighbouring tiers.
    tiers: [u32; 2],
    /// The kinds of lines that are ordered of it, alternately.
    lines: &'static [&'static str],
}

/// A line, the entitlement that it is about, and the one that it replaces.
type Asked = (LineRequest, Option<Entitlement>, Option<Entitlement>);

/// The mixed order with its policy and facts.
pub(crate) struct Mixed {
    pub(crate) policy: Policy,
    pub(crate) request: Request,
    pub(crate) facts: Facts,
    link_keys: LinkKeys,
}

impl Mixed {
    /// On the example vendor's products.
    pub(crate) fn of_the_example() -> Self {
        const TERM: &[&str] = &["new", "renewal", "upgrade", "renew_and_upgrade", "coterm", "downgrade_at_renewal"];
        const MOVING: &[&str] = &["new", "renewal", "migration", "upgrade", "coterm", "migration"];
        let sold = |product: &str, edition, kind, tiers, lines| Sold { product: product.to_owned(), edition, kind, tiers, lines };
        let sold = [
            sold("tracker-data-center", None, Kind::Term, [500, 1_000], TERM),
            sold("tracker-server", None, Kind::Perpetual, [25, 100], &["new", "renewal", "upgrade", "coterm"]),
            sold("tracker-cloud", None, Kind::Subscription, [200, 300], MOVING),
            sold("tracker-service-desk", Some("premium"), Kind::Subscription, [25, 100], TERM),
        ];
        Self::of(vendor::policy(), &sold)
    }

    /// On fifty of the large vendor's products.
    pub(crate) fn of_a_large_vendor() -> Self {
        const TERM: &[&str] = &["new", "renewal", "upgrade", "renew_and_upgrade", "coterm", "downgrade_at_renewal"];
        let policy = Policy::read(&large_vendor()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let sold = |n: usize| Sold {
            product: format!("product-{}", 10 * n),
            edition: None,
            kind: Kind::Term,
            tiers: [1_400, 1_500],
            lines: &TERM[n % TERM.len()..][..1],
        };
        Self::of(policy, &(0..LINES).map(sold).collect::<Vec<_>>())
    }

    fn of(policy: Policy, sold: &[Sold]) -> Self {
        let minter = Minter::new(b"key");
        let known = minter.quote_from_seed("known");
        let asked: Vec<_> = (0..LINES)
            .map(|n| {
                let sold = &sold[n % sold.len()];
                asked(
                    sold,
                    sold.lines[n / 4 % sold.lines.len()],
                    &minter.sen(&known, n as u32, 0),
                    &minter.sen(&known, n as u32, 1),
                )
            })
            .collect();
        let mut facts = Facts { partner: Some(partner()), ..Facts::default() };
        facts.evidence.insert("EV-1".to_owned(), evidence());
        let mut lines = Vec::new();
        for (line, held, source) in asked {
            facts.entitlements.extend([held, source].into_iter().flatten().map(|it| (it.sen.clone(), it)));
            lines.push(line);
        }
        let link_keys = LinkKeys::parse("bench:example-link-secret").expect("a link key");
        Self { policy, request: request(lines), facts, link_keys }
    }

    /// The offer from the request: every rule checked, every line priced, every payment method decided.
    pub(crate) fn offer(&self) -> Offer {
        let origin = Origin { at: "2026-11-22T10:00:00Z".parse().expect("an instant"), ip: None, subject: None, email: None };
        let issue = IssueContext { origin, request_hash: "example".to_owned(), link_key: self.link_keys.current() };
        let offer = Offer::make(&self.request, Faults::default(), &self.facts, &self.policy, &issue);
        offer.unwrap_or_else(|refusal| panic!("{refusal:?}"))
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn asked(sold: &Sold, what: &str, sen: &Sen, source: &Sen) -> Asked {
    let [lower, higher] = sold.tiers;
    let line = |kind: &str, users: u32| LineRequest {
        kind: text(kind),
        product: text(&sold.product),
        edition: sold.edition.map(str::to_owned),
        users: Some(users.into()),
        ..LineRequest::default()
    };
    let months = (sold.kind != Kind::Perpetual).then_some(12);
    let about = |line: LineRequest, tier| {
        (
            LineRequest { sen: Some(sen.to_string()), ..line },
            Some(entitlement(sen, &sold.product, sold.edition, sold.kind, tier)),
            None,
        )
    };
    match what {
        "new" => (LineRequest { term_months: months, ..line("new", higher) }, None, None),
        "migration" => {
            let moves = entitlement(source, "tracker-data-center", None, Kind::Term, 500);
            let line = LineRequest { term_months: months, migrates_from: Some(source.to_string()), ..line("new", higher) };
            (line, None, Some(moves))
        }
        "upgrade" => about(line("upgrade", higher), lower),
        "renew_and_upgrade" => about(LineRequest { until: text("2028-06-30"), ..line("renew_and_upgrade", higher) }, lower),
        "coterm" => about(LineRequest { until: text("2027-06-30"), ..line("coterm", higher) }, higher),
        "downgrade_at_renewal" => about(LineRequest { term_months: months, ..line("downgrade_at_renewal", lower) }, higher),
        _ => about(LineRequest { term_months: months, ..line("renewal", higher) }, higher),
    }
}

fn entitlement(sen: &Sen, product: &str, edition: Option<&str>, kind: Kind, tier: u32) -> Entitlement {
    let contact = |name: &str, email: &str| Contact { name: name.to_owned(), email: Email::parse(email).expect("an address") };
    let end = Some(date(2027, 1, 31));
    Entitlement {
        sen: sen.clone(),
        version: 1,
        kind,
        product: product.to_owned(),
        product_name: product.to_owned(),
        licensee: LICENSEE.to_owned(),
        technical_contact: contact("Tina Admin", TECHNICAL_CONTACT),
        statement: license::Statement {
            quote: None,
            line: 0,
            edition: edition.map(str::to_owned),
            tier,
            purchaser: "Example Reseller Inc.".to_owned(),
            purchaser_contact: contact("Rita Seller", "rita@reseller.example"),
            organization: text("org-1"),
            partner: text("org-1"),
            purchased: date(2026, 1, 31),
            maintenance_end: end.filter(|_| kind == Kind::Perpetual),
            term_end: end.filter(|_| kind != Kind::Perpetual),
            discount: None,
            next: None,
            issued_at: Timestamp::UNIX_EPOCH,
            file: None,
        },
        refunded_by: None,
        migrated_by: None,
        earlier: Vec::new(),
    }
}

fn partner() -> Partner {
    let membership = Membership { programme: "partner".to_owned(), tier: text("gold"), from: date(2026, 1, 1), until: None };
    Partner {
        organization: "org-1".to_owned(),
        version: 1,
        name: "Example Reseller Inc.".to_owned(),
        memberships: vec![membership],
    }
}

fn evidence() -> SegmentEvidence {
    SegmentEvidence {
        id: "EV-1".to_owned(),
        version: 1,
        segment: "academic".to_owned(),
        organization: LICENSEE.to_owned(),
        registration_number: None,
        country: None,
        domains: vec!["customer.example".to_owned()],
        document: text("letter.pdf"),
        verified_by: "desk".to_owned(),
        verified_on: date(2026, 1, 1),
        expires: date(2028, 1, 1),
    }
}

fn request(lines: Vec<LineRequest>) -> Request {
    let person = |name: &str, email: &str| ContactRequest { name: text(name), email: text(email) };
    let party = |company: &str, contact: ContactRequest, technical_contact: Option<ContactRequest>| PartyRequest {
        company: text(company),
        contact,
        address: AddressRequest {
            street: text("1 Rue Exemple"),
            city: text("Montréal"),
            postal_code: text("H2X 1Y4"),
            region: text("CA-QC"),
            country: text("CA"),
        },
        technical_contact,
    };
    Request {
        purchasing_for: text("customer"),
        currency: text("USD"),
        reseller: Some(party("Example Reseller Inc.", person("Rita Seller", "rita@reseller.example"), None)),
        customer: Some(party(
            LICENSEE,
            person("Carl Customer", "carl@customer.example"),
            Some(person("Tina Admin", TECHNICAL_CONTACT)),
        )),
        lines,
        segments: vec![SegmentRequest { segment: text("academic"), evidence: text("EV-1"), ..SegmentRequest::default() }],
        po_number: text("PO-2026-0042"),
        accept: AcceptRequest { terms: text("2026-10"), reseller_agreement: text("2026-10") },
        locale: text("en"),
        ..Request::default()
    }
}

/// A vendor of 500 products, each with 30 tiers in five currencies.
pub(crate) fn large_vendor() -> BTreeMap<String, String> {
    let mut files = vendor::files();
    let kinds = r#"["new", "renewal", "upgrade", "renew_and_upgrade", "coterm", "downgrade_at_renewal"]"#;
    let product = |n: u32| {
        format!(
            "[[product]]\nid = \"product-{n}\"\nname = \"Product {n}\"\ndeployment = \"self_managed_term\"\nkinds = {kinds}\nterms = [12, 24, 36]\n"
        )
    };
    let books = |n: u32| {
        ["USD", "EUR", "JPY", "AUD", "GBP"].map(|currency| {
            let tiers: Vec<_> = (1..=30).map(|t| format!("{{ users = {}, price = {} }}", 100 * t, 10_000 * t + n)).collect();
            let tiers = tiers.join(", ");
            format!("[[book]]\nproduct = \"product-{n}\"\ncurrency = \"{currency}\"\nfrom = 2026-01-01\ntiers = [{tiers}]\n")
        })
    };
    files.insert("catalogue.toml".to_owned(), (0..500).map(product).collect());
    files.insert("prices.toml".to_owned(), (0..500).flat_map(books).collect());
    // Rules that name the example's own products are removed.
    let channel = files["channel.toml"].replace("government_families = [\"tracker-government-cloud\"]\n", "");
    let aggregator = channel.find("# Appointed to sell").unwrap_or(channel.len());
    files.insert("channel.toml".to_owned(), channel[..aggregator].to_owned());
    let segments = files["segments.toml"].replace("families = [\"tracker-cloud\", \"service-desk\"]\n", "");
    files.insert("segments.toml".to_owned(), segments);
    files
}
