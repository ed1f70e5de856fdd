//! Creates the strings of a quote's documents. Words, dates and amounts are decided here, so that a template decides the
//! layout only.

use domain::{
    Money, Policy, Quote, calendar,
    evidence::VAT_ID,
    method::MethodOffer,
    party,
    payment::PaidBy,
    policy::{Deployment, LineKind},
    price::{self, LineNote, Rule},
    quote::{Delivery, Offer},
    wording,
};
use jiff::civil::Date;

use crate::{
    document::{Columns, Document, Fact, Kind, Line, Method, Notes, Online, Party, Payment, Summary, Table, Total},
    formats::Formats,
    marks::{isolated, kept},
    place::Gazetteer,
};

impl Document {
    /// The document of a quote's current offer. Page 1 states how to pay (R23); `pay` is the link to the payment page.
    pub fn quote(quote: &Quote, policy: &Policy, pay: &str) -> Self {
        let draft = Draft::new(&quote.offer, policy, None);
        let offer = &quote.offer;
        let number = quote.number.to_string();
        let revision = (offer.revision > 1).then(|| draft.fact("fact.revision", offer.revision.to_string()));
        let facts = std::iter::once(draft.fact("fact.quote", kept(&number))).chain(revision).chain([
            draft.fact("fact.issued", draft.date(offer.issued_on())),
            draft.fact("fact.valid_through", draft.date(offer.valid_through)),
        ]);
        let facts = facts.collect();
        let due = offer.total > 0;
        Self {
            // A quote with a total of zero has nothing to pay.
            summary: due.then(|| draft.amount_to_pay(pay)),
            payment: due.then(|| draft.payment(&number, pay)),
            ..draft.document(Kind::Quote, "document.quote", &number, "heading.lines", facts, draft.totals())
        }
    }

    /// The invoice of a delivered quote; `None` before delivery.
    pub fn invoice(quote: &Quote, policy: &Policy) -> Option<Self> {
        let delivery = quote.delivery()?;
        let draft = Draft::new(&quote.offer, policy, Some(delivery));
        let mut facts = vec![
            draft.fact("fact.invoice", kept(&delivery.invoice.to_string())),
            draft.fact("fact.quote", kept(&quote.number.to_string())),
            draft.fact("fact.invoiced", draft.date(delivery.invoiced_on)),
        ];
        let mut totals = draft.totals();
        let mut due = quote.offer.total;
        let mut summary = None;
        // A quote that a credit covers completely is delivered without a payment.
        if let Some(payment) = quote.payments.first() {
            let paid = draft.fact("fact.paid", draft.date(calendar::day_of(payment.at, &quote.offer.zone())));
            facts.push(paid.clone());
            let label = draft.text(&format!("paid.{}", payment.method.map_or("unstated", PaidBy::as_str)));
            let amount = draft.money(payment.amount);
            summary = Some(Summary { label: label.clone(), amount, deadline: Some(paid), online: None });
            totals.push(Total { label, amount: draft.money(-payment.amount), strong: false });
            due -= payment.amount;
        }
        totals.push(Total { label: draft.text("total.due"), amount: draft.money(due), strong: true });
        let number = delivery.invoice.to_string();
        let document = draft.document(Kind::Invoice, "document.invoice", &number, "heading.invoice_lines", facts, totals);
        Some(Self { summary, ..document })
    }
}

/// The inputs of a document.
struct Draft<'a> {
    offer: &'a Offer,
    policy: &'a Policy,
    /// The delivery, for an invoice; `None` for a quote.
    delivery: Option<&'a Delivery>,
    formats: Formats<'a>,
}

impl<'a> Draft<'a> {
    fn new(offer: &'a Offer, policy: &'a Policy, delivery: Option<&'a Delivery>) -> Self {
        Self { offer, policy, delivery, formats: Formats::new(&policy.wording, &offer.locale) }
    }

    fn text(&self, key: &str) -> String {
        self.fill(key, &[])
    }

    fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.policy.wording.fill(&self.offer.locale, key, values)
    }

    /// The name in the reader's language, or `otherwise` if the policy has none.
    fn name(&self, kind: &str, id: &str, otherwise: &str) -> String {
        self.own(self.policy.wording.name(&self.offer.locale, kind, id, otherwise))
    }

    /// A text of the order or of the vendor's files, which may be in another script than the document.
    fn own(&self, text: &str) -> String {
        isolated(text, self.formats.direction())
    }

    fn places(&self) -> Gazetteer<'_> {
        Gazetteer { policy: self.policy, language: &self.offer.locale }
    }

    fn money(&self, minor: i64) -> String {
        kept(&self.formats.money(Money::new(minor, self.offer.currency)))
    }

    fn date(&self, day: Date) -> String {
        kept(&self.formats.date(day))
    }

    fn fact(&self, label: &str, value: String) -> Fact {
        Fact { label: self.text(label), value }
    }

    /// A text about a number of users, months or days, whose name in the text is `name`.
    fn counted(&self, key: &str, name: &str, count: u32, others: &[(&str, &str)]) -> String {
        let number = self.formats.number(count);
        let values: Vec<_> = others.iter().copied().chain([(name, &*number)]).collect();
        self.formats.counted(key, count, &values)
    }

    fn document(
        &self,
        kind: Kind,
        title: &str,
        number: &str,
        heading: &str,
        mut facts: Vec<Fact>,
        totals: Vec<Total>,
    ) -> Document {
        let offer = self.offer;
        facts.push(self.fact("fact.currency", offer.currency.to_string()));
        facts.extend(offer.po_number.as_ref().map(|po_number| self.fact("fact.po_number", kept(po_number))));
        // The address is shown, because its owner receives the key (C1).
        let technical_contact = &offer.technical_contact;
        let named = format!("{}, {}", self.own(&technical_contact.name), kept(technical_contact.email.as_str()));
        facts.push(self.fact("fact.technical_contact", named));
        let seller = &self.policy.seller;
        let particulars = [&seller.legal_name].into_iter().chain(&seller.address);
        let particulars = particulars.map(|line| self.own(line)).chain([self.tax_id(&seller.tax_id)]);
        let footer = [&seller.legal_name].into_iter().chain(&seller.registration).map(|text| self.own(text));
        let footer = footer.collect::<Vec<_>>().join(" · ");
        Document {
            language: offer.locale.clone(),
            direction: self.formats.direction(),
            title: self.fill(title, &[("number", number)]),
            kind,
            number: number.to_owned(),
            accent: self.policy.accent.clone(),
            summary: None,
            facts,
            seller: Party { heading: self.text("heading.seller"), lines: particulars.collect() },
            bill_to: self.bill_to(),
            licensee: self.party("heading.licensee", &offer.customer),
            table: Table {
                heading: self.text(heading),
                columns: Columns {
                    line: self.text("column.line"),
                    description: self.text("column.description"),
                    quantity: self.text("column.quantity"),
                    price: self.text("column.price"),
                    amount: self.text("column.amount"),
                },
                lines: offer.lines.iter().map(|line| self.line(line)).collect(),
            },
            totals,
            payment: None,
            notes: offer.notes.as_ref().map(|notes| Notes { heading: self.text("heading.notes"), text: self.notes(notes) }),
            footer: vec![footer, self.own(&seller.support_url)],
            page_label: self.text("document.page"),
        }
    }

    fn party(&self, heading: &str, party: &party::Party) -> Party {
        let attention = self.fill("document.attention", &[("name", &self.own(&party.contact.name))]);
        let address = self.places().lines(&party.address);
        let lines = [self.own(&party.company), attention].into_iter().chain(address.iter().map(|line| self.own(line)));
        Party { heading: self.text(heading), lines: lines.collect() }
    }

    /// The billed party, with the VAT id by which the tax was determined (R91).
    fn bill_to(&self) -> Party {
        let mut party = self.party("heading.bill_to", self.offer.bill_to());
        let vat_id = self.offer.tax_claims.iter().find(|claim| claim.kind == VAT_ID);
        party.lines.extend(vat_id.map(|claim| self.tax_id(&claim.number)));
        party
    }

    fn tax_id(&self, tax_id: &str) -> String {
        self.fill("document.tax_id", &[("tax_id", &kept(tax_id))])
    }

    fn notes(&self, notes: &str) -> String {
        notes.split('\n').map(|line| self.own(line)).collect::<Vec<_>>().join("\n")
    }

    /// The answer to how much, until when and where.
    fn amount_to_pay(&self, pay: &str) -> Summary {
        let online = || Online::new(&self.text("summary.online"), pay, &self.text("summary.scan"));
        Summary {
            label: self.text("summary.amount"),
            amount: self.money(self.offer.total),
            deadline: Some(self.fact("summary.pay_by", self.date(self.offer.valid_through))),
            online: self.offer.is_payable_online().then(online),
        }
    }

    fn line(&self, line: &price::Line) -> Line {
        let order = &line.order;
        let product = self.name("product", &order.product, &line.product_name);
        let users = self.formats.number(order.users);
        let about = order
            .held
            .as_ref()
            .map(|held| self.fill(&format!("line.kind.{}", order.kind.as_str()), &[("sen", &kept(&held.sen.to_string()))]));
        let mut details: Vec<_> = about.into_iter().collect();
        details.push(self.counted("line.users", "tier", line.tier, &[("users", &users)]));
        details.extend(self.term(line));
        details.extend(self.covers(line));
        details.extend(self.number(line));
        details.extend(line.notes.iter().filter_map(|note| self.note(note)));
        let step = |(rule, amount)| Fact { label: self.step(rule), value: self.money(amount) };
        let steps: Vec<_> = line.shown_steps().map(step).collect();
        Line {
            number: line.line.to_string(),
            description: match &order.edition {
                Some(edition) => self.fill("line.edition", &[("product", &product), ("edition", &self.edition(line, edition))]),
                None => product,
            },
            details,
            // A single step repeats the amount, so it is not shown.
            steps: if steps.len() > 1 { steps } else { Vec::new() },
            // A line sells one licence or subscription, for a number of users.
            quantity: self.formats.number(1_u32),
            price: self.money(line.amount),
            amount: self.money(line.amount),
        }
    }

    /// The name of a line's edition, or its id if the policy no longer has the edition.
    fn edition(&self, line: &price::Line, id: &str) -> String {
        let product = &line.order.product;
        let known = self.policy.product(product).and_then(|product| product.editions.iter().find(|edition| edition.id == id));
        self.name("edition", &format!("{product}.{id}"), known.map_or(id, |edition| &edition.name))
    }

    /// The term of a new purchase, in months. Its days are known only after the payment.
    fn term(&self, line: &price::Line) -> Option<String> {
        let months = |key| Some(self.counted(key, "months", line.order.months, &[]));
        match (line.order.kind, line.deployment) {
            (LineKind::New, Deployment::SelfManagedPerpetual { .. }) => months("line.perpetual"),
            (LineKind::New, Deployment::SelfManagedTerm) => months("line.term"),
            (LineKind::New, Deployment::MonthlyCloud) => Some(self.text("line.monthly")),
            (LineKind::New, _) => months("line.cloud"),
            _ => None,
        }
    }

    /// The days that a line covers: on an invoice the delivered days, on a quote the days that were priced. The upgrade of a
    /// perpetual licence that keeps its end covers no days of its own.
    fn covers(&self, line: &price::Line) -> Option<String> {
        let perpetual = line.deployment.is_perpetual();
        let renewed = |start| calendar::months_after(start, line.order.months);
        let (start, end) = match (line.order.kind, self.delivery) {
            (LineKind::Upgrade, _) if perpetual && line.end == line.order.held.as_ref().map(|held| held.end) => return None,
            (LineKind::New, None) => return None,
            (_, None) => (line.start, line.end?),
            (kind, Some(delivery)) => {
                let delivered = delivery.entitlements.iter().find(|one| one.line == line.line)?;
                let paid = Some(delivery.invoiced_on);
                match (kind, delivered.end) {
                    (LineKind::New, end) => (paid, end.unwrap_or_else(|| renewed(delivery.invoiced_on))),
                    // An upgrade takes effect with the payment, even if it was quoted earlier.
                    (LineKind::Upgrade | LineKind::RenewAndUpgrade, end) => (line.start.max(paid), end.or(line.end)?),
                    (_, end) if end.is_none() || end == line.end => (line.start, line.end?),
                    // A late payment moves the start. So does another order for the same entitlement that was paid in between.
                    (_, end) => (paid.filter(|paid| Some(renewed(*paid)) == end), end?),
                }
            }
        };
        // People read "through" as the last covered day. `end` is the first day that is not covered.
        let through = self.date(end.yesterday().unwrap_or(end));
        let Some(start) = start else { return Some(self.fill("line.through", &[("through", &through)])) };
        let key = if perpetual { "line.maintenance" } else { "line.dates" };
        Some(self.fill(key, &[("start", &self.date(start)), ("through", &through)]))
    }

    /// The support entitlement number of a new purchase, for renewals and support (R99). Other lines name their number already.
    fn number(&self, line: &price::Line) -> Option<String> {
        let delivered = self.delivery?.entitlements.iter().find(|one| one.line == line.line)?;
        line.order.held.is_none().then(|| self.fill("line.sen", &[("sen", &kept(&delivered.sen.to_string()))]))
    }

    fn step(&self, rule: &Rule) -> String {
        let percent = |percent| self.formats.percent(percent);
        match rule {
            Rule::ListPrice { tier } => self.counted("step.list_price", "tier", *tier, &[]),
            Rule::Maintenance { percent: share } => self.fill("step.maintenance", &[("percent", &percent(*share))]),
            Rule::Term { months } => self.counted("step.term", "months", *months, &[]),
            Rule::Days { days } => self.counted("step.days", "days", days.unsigned_abs(), &[]),
            Rule::Segment { segment, percent: share } => {
                let known = self.policy.segment(segment).map_or(&**segment, |segment| &segment.name);
                let name = self.name("segment", segment, known);
                self.fill("step.segment", &[("segment", &name), ("percent", &percent(*share))])
            }
            Rule::UpgradeCredit { sen, tier, .. } => {
                self.counted("step.upgrade_credit", "tier", *tier, &[("sen", &kept(&sen.to_string()))])
            }
            Rule::StepUpCredit { sen, days } => {
                self.counted("step.step_up_credit", "days", days.unsigned_abs(), &[("sen", &kept(&sen.to_string()))])
            }
            Rule::Channel { programme, percent: share, .. } => {
                let known = self.policy.programme(programme).map_or(&**programme, |programme| &programme.name);
                let name = self.name("programme", programme, known);
                self.fill("step.channel", &[("programme", &name), ("percent", &percent(*share))])
            }
            Rule::Rounding => self.text("step.rounding"),
        }
    }

    /// The text of a note for the buyer. A claim that does not apply is reported in the API's response instead.
    fn note(&self, note: &LineNote) -> Option<String> {
        match note {
            LineNote::RenewalNotSamePartner => Some(self.text("note.renewal_not_same_partner")),
            LineNote::CreditLapsed { amount } => Some(self.fill("note.credit_lapsed", &[("amount", &self.money(*amount))])),
            LineNote::MigrationNotApplicable { .. } => None,
        }
    }

    fn totals(&self) -> Vec<Total> {
        let offer = self.offer;
        let total = |label, minor, strong| Total { label, amount: self.money(minor), strong };
        let mut totals = vec![total(self.text("total.net"), offer.net, false)];
        totals.extend(offer.taxes.iter().map(|tax| {
            let (rate, place) = (self.formats.percent(tax.rate), self.places().name(&tax.jurisdiction));
            let (name, place) = (self.name("tax", &tax.name, &tax.name), self.own(&place));
            let values = [("name", &*name), ("rate", &*rate), ("jurisdiction", &*place)];
            total(self.fill("total.tax", &values), tax.amount, false)
        }));
        if offer.taxes.is_empty() {
            let label = match offer.tax_notes.first() {
                Some(note) => self.fill(&note.text, &[("number", &kept(&note.number))]),
                None => self.text("total.no_tax"),
            };
            totals.push(total(label, 0, false));
        }
        totals.push(total(self.text("total.gross"), offer.total, true));
        totals
    }

    /// Every payment method of this quote, with its complete instructions (R23).
    fn payment(&self, reference: &str, link: &str) -> Payment {
        let known = [
            ("reference", kept(reference)),
            ("amount", self.money(self.offer.total)),
            ("link", link.to_owned()),
            ("valid_through", self.date(self.offer.valid_through)),
            ("currency", self.offer.currency.code().to_owned()),
        ];
        let method = |offered: &MethodOffer| {
            let id = offered.method.as_str();
            let rules = self.policy.methods.iter().find(|rules| rules.method == offered.method);
            let details = rules.map_or(&[][..], |rules| &rules.details).iter().map(|(name, value)| (&**name, self.detail(value)));
            // The vendor's own details take precedence.
            let values: Vec<_> = details.chain(known.iter().map(|(name, value)| (*name, value.clone()))).collect();
            let value = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value);
            let key = format!("instructions.{id}");
            let instructions = wording::fill(self.policy.wording.text(&self.offer.locale, &key), value);
            Method { name: self.text(offered.method.name_key()), instructions: instructions.lines().map(str::to_owned).collect() }
        };
        let values = known.each_ref().map(|(name, value)| (*name, &**value));
        Payment {
            heading: self.text("heading.payment"),
            introduction: self.fill("payment.introduction", &values),
            methods: self.offer.methods.iter().filter(|offered| offered.refused.is_none()).map(method).collect(),
        }
    }

    /// A value of the vendor's payment details. An account number or code is copied by people; a name or an address may take
    /// several lines.
    fn detail(&self, value: &str) -> String {
        let code = |word: &str| word.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase() || c == '-');
        if value.split(' ').all(code) { kept(value) } else { self.own(value) }
    }
}
