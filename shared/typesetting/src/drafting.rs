//! Creates the strings of a quote's documents. Words, dates and amounts are decided here, so that a template decides the
//! layout only.

use domain::{
    Money, Policy, Quote, calendar, party,
    payment::PaidBy,
    policy::{Deployment, LineKind},
    price::{self, LineNote, Rule},
    quote::{Delivery, Offer},
    wording,
};

use crate::{
    document::{Columns, Document, Fact, Kind, Line, Method, Notes, Party, Payment, Table, Total},
    place::Gazetteer,
};

impl Document {
    /// The document of a quote's current offer. Page 1 states how to pay (R23); `pay` is the link to the payment page.
    pub fn quote(quote: &Quote, policy: &Policy, pay: &str) -> Self {
        let draft = Draft { offer: &quote.offer, policy, delivery: None };
        let number = quote.number.to_string();
        let revision = (quote.offer.revision > 1).then(|| draft.fact("fact.revision", quote.offer.revision));
        let facts = std::iter::once(draft.fact("fact.quote", &number)).chain(revision).chain([
            draft.fact("fact.issued", quote.offer.issued_on()),
            draft.fact("fact.valid_through", quote.offer.valid_through),
        ]);
        let facts = facts.collect();
        let payment = draft.payment(&number, pay);
        Self {
            // A quote with a total of zero has no payment instructions.
            payment: (quote.offer.total > 0).then_some(payment),
            ..draft.document(Kind::Quote, "document.quote", &number, "heading.lines", facts, draft.totals())
        }
    }

    /// The invoice of a delivered quote; `None` before delivery.
    pub fn invoice(quote: &Quote, policy: &Policy) -> Option<Self> {
        let delivery = quote.delivery()?;
        let draft = Draft { offer: &quote.offer, policy, delivery: Some(delivery) };
        let mut facts = vec![
            draft.fact("fact.invoice", &delivery.invoice),
            draft.fact("fact.quote", &quote.number),
            draft.fact("fact.invoiced", delivery.invoiced_on),
        ];
        let mut totals = draft.totals();
        let mut due = quote.offer.total;
        // A quote that a credit covers completely is delivered without a payment.
        if let Some(payment) = quote.payments.first() {
            facts.push(draft.fact("fact.paid", calendar::day_of(payment.at, &quote.offer.zone())));
            let label = draft.text(&format!("paid.{}", payment.method.map_or("unstated", PaidBy::as_str)));
            totals.push(Total { label, amount: draft.money(-payment.amount), strong: false });
            due -= payment.amount;
        }
        totals.push(Total { label: draft.text("total.due"), amount: draft.money(due), strong: true });
        Some(draft.document(
            Kind::Invoice,
            "document.invoice",
            &delivery.invoice.to_string(),
            "heading.invoice_lines",
            facts,
            totals,
        ))
    }
}

/// The inputs of a document.
struct Draft<'a> {
    offer: &'a Offer,
    policy: &'a Policy,
    /// The delivery, for an invoice; `None` for a quote.
    delivery: Option<&'a Delivery>,
}

impl Draft<'_> {
    fn text(&self, key: &str) -> String {
        self.fill(key, &[])
    }

    fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.policy.wording.fill(&self.offer.locale, key, values)
    }

    /// The name in the reader's language, or `otherwise` if the policy has none.
    fn name<'n>(&'n self, kind: &str, id: &str, otherwise: &'n str) -> &'n str {
        self.policy.wording.name(&self.offer.locale, kind, id, otherwise)
    }

    fn places(&self) -> Gazetteer<'_> {
        Gazetteer { policy: self.policy, language: &self.offer.locale }
    }

    fn money(&self, minor: i64) -> String {
        Money::new(minor, self.offer.currency).to_string()
    }

    fn fact(&self, label: &str, value: impl ToString) -> Fact {
        Fact { label: self.text(label), value: value.to_string() }
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
        facts.push(self.fact("fact.currency", offer.currency));
        facts.extend(offer.po_number.as_ref().map(|po_number| self.fact("fact.po_number", po_number)));
        // The address is shown, because its owner receives the key (C1).
        let technical_contact = &offer.technical_contact;
        let named = format!("{}, {}", technical_contact.name, technical_contact.email.as_str());
        facts.push(self.fact("fact.technical_contact", &named));
        let seller = &self.policy.seller;
        let tax_id = self.fill("document.tax_id", &[("tax_id", &seller.tax_id)]);
        Document {
            language: offer.locale.clone(),
            title: self.fill(title, &[("number", number)]),
            kind,
            number: number.to_owned(),
            facts,
            seller: Party {
                heading: self.text("heading.seller"),
                lines: std::iter::once(seller.legal_name.clone()).chain(seller.address.iter().cloned()).chain([tax_id]).collect(),
            },
            bill_to: self.party("heading.bill_to", offer.bill_to()),
            licensee: self.party("heading.licensee", &offer.customer),
            table: Table {
                heading: self.text(heading),
                columns: Columns {
                    line: self.text("column.line"),
                    description: self.text("column.description"),
                    amount: self.text("column.amount"),
                },
                lines: offer.lines.iter().map(|line| self.line(line)).collect(),
            },
            totals,
            payment: None,
            notes: offer.notes.as_ref().map(|notes| Notes { heading: self.text("heading.notes"), text: notes.clone() }),
            footer: vec![seller.legal_name.clone(), seller.support_url.clone()],
            page_label: self.text("document.page"),
        }
    }

    fn party(&self, heading: &str, party: &party::Party) -> Party {
        let attention = self.fill("document.attention", &[("name", &party.contact.name)]);
        Party {
            heading: self.text(heading),
            lines: [party.company.clone(), attention].into_iter().chain(self.places().lines(&party.address)).collect(),
        }
    }

    fn line(&self, line: &price::Line) -> Line {
        let order = &line.order;
        let product = self.name("product", &order.product, &line.product_name);
        let (tier, users) = (line.tier.to_string(), order.users.to_string());
        let about = order
            .held
            .as_ref()
            .map(|held| self.fill(&format!("line.kind.{}", order.kind.as_str()), &[("sen", &held.sen.to_string())]));
        let mut details: Vec<_> = about.into_iter().collect();
        details.push(self.fill("line.users", &[("tier", &tier), ("users", &users)]));
        details.extend(self.term(line));
        details.extend(self.covers(line));
        details.extend(self.number(line));
        details.extend(line.notes.iter().filter_map(|note| self.note(note)));
        let step = |(rule, amount)| Fact { label: self.step(rule), value: self.money(amount) };
        let steps: Vec<_> = line.shown_steps().map(step).collect();
        Line {
            number: line.line.to_string(),
            description: match &order.edition {
                Some(edition) => self.fill("line.edition", &[("product", product), ("edition", self.edition(line, edition))]),
                None => product.to_owned(),
            },
            details,
            // A single step repeats the amount, so it is not shown.
            steps: if steps.len() > 1 { steps } else { Vec::new() },
            amount: self.money(line.amount),
        }
    }

    /// The name of a line's edition, or its id if the policy no longer has the edition.
    fn edition<'a>(&'a self, line: &price::Line, id: &'a str) -> &'a str {
        let product = &line.order.product;
        let known = self.policy.product(product).and_then(|product| product.editions.iter().find(|edition| edition.id == id));
        self.name("edition", &format!("{product}.{id}"), known.map_or(id, |edition| &edition.name))
    }

    /// The term of a new purchase, in months. Its days are known only after the payment.
    fn term(&self, line: &price::Line) -> Option<String> {
        let months = line.order.months.to_string();
        let months = [("months", &*months)];
        match (line.order.kind, line.deployment) {
            (LineKind::New, Deployment::SelfManagedPerpetual { .. }) => Some(self.fill("line.perpetual", &months)),
            (LineKind::New, Deployment::SelfManagedTerm) => Some(self.fill("line.term", &months)),
            (LineKind::New, Deployment::MonthlyCloud) => Some(self.text("line.monthly")),
            (LineKind::New, _) => Some(self.fill("line.cloud", &months)),
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
        let through = end.yesterday().unwrap_or(end).to_string();
        let Some(start) = start else { return Some(self.fill("line.through", &[("through", &through)])) };
        let key = if perpetual { "line.maintenance" } else { "line.dates" };
        Some(self.fill(key, &[("start", &start.to_string()), ("through", &through)]))
    }

    /// The support entitlement number of a new purchase, for renewals and support (R99). Other lines name their number already.
    fn number(&self, line: &price::Line) -> Option<String> {
        let delivered = self.delivery?.entitlements.iter().find(|one| one.line == line.line)?;
        line.order.held.is_none().then(|| self.fill("line.sen", &[("sen", &delivered.sen.to_string())]))
    }

    fn step(&self, rule: &Rule) -> String {
        match rule {
            Rule::ListPrice { tier } => self.fill("step.list_price", &[("tier", &tier.to_string())]),
            Rule::Maintenance { percent } => self.fill("step.maintenance", &[("percent", &percent.to_string())]),
            Rule::Term { months } => self.fill("step.term", &[("months", &months.to_string())]),
            Rule::Days { days } => self.fill("step.days", &[("days", &days.to_string())]),
            Rule::Segment { segment, percent } => {
                let known = self.policy.segment(segment).map_or(segment, |segment| &segment.name);
                let name = self.name("segment", segment, known);
                self.fill("step.segment", &[("segment", name), ("percent", &percent.to_string())])
            }
            Rule::UpgradeCredit { sen, tier, .. } => {
                self.fill("step.upgrade_credit", &[("sen", &sen.to_string()), ("tier", &tier.to_string())])
            }
            Rule::StepUpCredit { sen, days } => {
                self.fill("step.step_up_credit", &[("sen", &sen.to_string()), ("days", &days.to_string())])
            }
            Rule::Channel { programme, percent, .. } => {
                let known = self.policy.programme(programme).map_or(programme, |programme| &programme.name);
                let name = self.name("programme", programme, known);
                self.fill("step.channel", &[("programme", name), ("percent", &percent.to_string())])
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
            let (rate, place) = (tax.rate.to_string(), self.places().name(&tax.jurisdiction));
            let values = [("name", self.name("tax", &tax.name, &tax.name)), ("rate", &rate), ("jurisdiction", &place)];
            total(self.fill("total.tax", &values), tax.amount, false)
        }));
        if offer.taxes.is_empty() {
            let label = match offer.tax_notes.first() {
                Some(note) => self.fill(&note.text, &[("number", &note.number)]),
                None => self.text("total.no_tax"),
            };
            totals.push(total(label, 0, false));
        }
        totals.push(total(self.text("total.gross"), offer.total, true));
        totals
    }

    /// Every payment method of this quote, with its complete instructions (R23).
    fn payment(&self, reference: &str, link: &str) -> Payment {
        let (amount, valid_through) = (self.money(self.offer.total), self.offer.valid_through.to_string());
        let known = [
            ("reference", reference),
            ("amount", &*amount),
            ("link", link),
            ("valid_through", &*valid_through),
            ("currency", self.offer.currency.code()),
        ];
        let method = |offered: &domain::method::MethodOffer| {
            let id = offered.method.as_str();
            let rules = self.policy.methods.iter().find(|rules| rules.method == offered.method);
            let details = rules.map_or(&[][..], |rules| &rules.details);
            let value = |name: &str| {
                let own = details.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
                own.or_else(|| known.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
            };
            let key = format!("instructions.{id}");
            let instructions = wording::fill(self.policy.wording.text(&self.offer.locale, &key), value);
            Method { name: self.text(offered.method.name_key()), instructions: instructions.lines().map(str::to_owned).collect() }
        };
        Payment {
            heading: self.text("heading.payment"),
            introduction: self.fill("payment.introduction", &known),
            methods: self.offer.methods.iter().filter(|offered| offered.refused.is_none()).map(method).collect(),
        }
    }
}
