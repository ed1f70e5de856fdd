//! The letters about an event of a quote, and their text. A pure function: the same quote gives the same letters.

use contract::Links;
use domain::{
    Policy, Quote,
    calendar::months_after,
    license::{self, Kind},
    party::{Contact, Party},
    quote::{Delivered, Delivery, Entry, Event, Offer, Stage},
    suppression::LetterClass,
};
use typesetting::{Document, Formats, isolated, kept, unmarked};

use crate::letter::{Action, Item, Letter, Sentence, Summary};

/// A letter to send.
pub(crate) struct Outgoing {
    /// The letter's purpose, such as `quote`. It is part of the Message-ID and of the key of the note that the letter was sent.
    pub(crate) role: String,
    pub(crate) to: Contact,
    pub(crate) letter: Letter,
    pub(crate) document: Option<Document>,
}

/// The letters about an entry of the quote's history, if the entry still describes the quote. There is no letter about a revision
/// that was replaced, and no request to pay a quote that is paid. A quote that costs nothing is paid as soon as it is issued.
///
/// The letter to the requester of the revision before is written whatever happened since (C1).
pub(crate) fn compose(quote: &Quote, entry: &Entry, policy: &Policy, links: &Links) -> Vec<Outgoing> {
    let about = |offer| Correspondence::new(quote, offer, policy, links);
    let correspondence = about(&quote.offer);
    let mut letters = match (&entry.event, &quote.stage) {
        (Event::Submitted { revision, .. }, Stage::InReview) if *revision == quote.offer.revision => {
            vec![correspondence.review()]
        }
        (Event::Rejected { reason, .. }, Stage::Rejected) if !asked_again(quote, entry) => vec![correspondence.rejection(reason)],
        (Event::Issued { revision }, Stage::Issued) if *revision == quote.offer.revision => vec![correspondence.quote_copy()],
        (Event::Delivered { .. }, Stage::Delivered { delivery, .. }) => correspondence.delivered(delivery),
        // The quote has a later state.
        (Event::Submitted { .. } | Event::Rejected { .. } | Event::Issued { .. } | Event::Delivered { .. }, _) => Vec::new(),
        (Event::Approved { .. } | Event::PaymentFailed { .. }, _) => Vec::new(),
        (Event::Paid { .. } | Event::Withheld { .. } | Event::Refunded { .. }, _) => Vec::new(),
    };
    letters.extend(taken_over(quote, entry).map(|(before, after)| about(before).taken_over_by(after)));
    letters
}

/// What causes the letters about an event. Anyone can request a quote in another person's name; only a purchase is delivered (C3).
pub(crate) fn class(event: &Event) -> LetterClass {
    match event {
        Event::Submitted { .. } | Event::Approved { .. } | Event::Rejected { .. } | Event::Issued { .. } => LetterClass::Request,
        Event::PaymentFailed { .. } | Event::Paid { .. } | Event::Refunded { .. } => LetterClass::Purchase,
        Event::Withheld { .. } | Event::Delivered { .. } => LetterClass::Purchase,
    }
}

/// The offers before and after this entry, if another person requested the later one. That person had the link that changes the
/// quote, and the person before must learn of it (C1).
fn taken_over<'q>(quote: &'q Quote, entry: &Entry) -> Option<(&'q Offer, &'q Offer)> {
    let requested = |event: &Event| match event {
        Event::Submitted { revision, .. } | Event::Issued { revision } => Some(*revision),
        _ => None,
    };
    let revision = requested(&entry.event)?;
    // A revision that was in review has two entries. The first one is when it was requested.
    if quote.history.iter().any(|earlier| earlier.seq < entry.seq && requested(&earlier.event) == Some(revision)) {
        return None;
    }
    let offer = |revision| quote.superseded.iter().chain([&quote.offer]).find(|offer| offer.revision == revision);
    let (before, after) = (offer(revision.checked_sub(1)?)?, offer(revision)?);
    (before.requester().email != after.requester().email).then_some((before, after))
}

/// Whether another revision was requested after this entry.
fn asked_again(quote: &Quote, entry: &Entry) -> bool {
    let later = quote.history.iter().filter(|later| later.seq > entry.seq);
    later.into_iter().any(|later| matches!(later.event, Event::Submitted { .. } | Event::Issued { .. }))
}

struct Correspondence<'a> {
    quote: &'a Quote,
    offer: &'a Offer,
    policy: &'a Policy,
    links: &'a Links,
    formats: Formats<'a>,
}

impl<'a> Correspondence<'a> {
    /// Letters about an offer of the quote, in the language of that offer.
    fn new(quote: &'a Quote, offer: &'a Offer, policy: &'a Policy, links: &'a Links) -> Self {
        Self { quote, offer, policy, links, formats: Formats::new(&policy.wording, &offer.locale) }
    }
}

impl Correspondence<'_> {
    fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.policy.wording.fill(&self.offer.locale, key, values)
    }

    fn text(&self, key: &str) -> String {
        self.fill(key, &[])
    }

    fn total(&self) -> String {
        kept(&self.formats.money(self.offer.due()))
    }

    fn number(&self) -> String {
        kept(&self.quote.number.to_string())
    }

    /// A text of the order or of the vendor's files, which may be in another script than the letter.
    fn own(&self, text: &str) -> String {
        isolated(text, self.formats.direction())
    }

    /// A text about a person and the quote.
    fn person(&self, key: &str, person: &Contact) -> String {
        let (name, email) = (self.own(&person.name), kept(person.email.as_str()));
        self.fill(key, &[("number", &self.number()), ("name", &name), ("email", &email)])
    }

    /// A sentence with a link. A text without a place for the link is followed by it.
    fn sentence(&self, key: &str, url: String) -> Sentence {
        let text = self.policy.wording.text(&self.offer.locale, key);
        let (before, after) = text.split_once("{url}").unwrap_or((text, ""));
        Sentence { before: before.to_owned(), url, after: after.to_owned() }
    }

    /// The parts that all letters have.
    fn letter(&self, to: &Contact, subject: String, paragraphs: Vec<String>) -> Letter {
        let seller = &self.policy.seller;
        let tax_id = self.fill("document.tax_id", &[("tax_id", &kept(&seller.tax_id))]);
        let particulars = [&seller.legal_name].into_iter().chain(&seller.address).chain(&seller.registration);
        Letter {
            language: self.offer.locale.clone(),
            direction: self.formats.direction(),
            accent: self.policy.accent.clone(),
            subject: unmarked(&subject),
            preheader: paragraphs.first().cloned().unwrap_or_default(),
            greeting: self.fill("letter.greeting", &[("name", &self.own(&to.name))]),
            paragraphs,
            summary: None,
            action: None,
            lines: Vec::new(),
            totals: Vec::new(),
            items_heading: None,
            items: Vec::new(),
            after: Vec::new(),
            small: Vec::new(),
            closing: self.text("letter.closing"),
            signature: self.own(&seller.legal_name),
            support: self.sentence("letter.support", seller.support_url.clone()),
            change: None,
            particulars: particulars.map(|line| self.own(line)).chain([tax_id]).collect(),
        }
    }

    /// The button that shows the order.
    fn view(&self, label: &str) -> Action {
        Action { label: self.text(label), url: self.links.to(&self.quote.number, self.offer).quote() }
    }

    /// The order is in review, and this is the day by which it is decided (R33).
    fn review(&self) -> Outgoing {
        let to = self.offer.requester().clone();
        let number = self.number();
        let due = self.offer.review_due.map(|due| kept(&self.formats.date(due))).unwrap_or_default();
        let subject = self.fill("letter.review.subject", &[("number", &number)]);
        let reasons = self.offer.review.iter().map(|reason| self.text(reason.text_key()));
        let body = self.fill("letter.review.body", &[("number", &number), ("due", &due)]);
        let letter = self.letter(&to, subject, std::iter::once(body).chain(reasons).collect());
        Outgoing { role: "review".to_owned(), to, letter, document: None }
    }

    /// A reviewer has rejected the order. The letter states the reason (R34) and what the requester can do next.
    fn rejection(&self, reason: &str) -> Outgoing {
        let to = self.offer.requester().clone();
        let number = self.number();
        let subject = self.fill("letter.rejection.subject", &[("number", &number)]);
        let body = self.fill("letter.rejection.body", &[("number", &number), ("reason", &self.own(reason))]);
        let letter = self.letter(&to, subject, vec![body, self.text("letter.rejection.next")]);
        Outgoing { role: "rejection".to_owned(), to, letter, document: None }
    }

    /// Another person has changed the quote (C1): who, and what is different. The letter has no price, because the quote is that
    /// person's now (R22), and no link, because the old ones are void (R24).
    fn taken_over_by(&self, after: &Offer) -> Outgoing {
        let to = self.offer.requester().clone();
        let number = self.number();
        let company = |key: &str, party: &Party| self.fill(key, &[("company", &self.own(&party.company))]);
        let before = self.offer;
        let differs = || !before.lines.iter().map(|line| &line.order).eq(after.lines.iter().map(|line| &line.order));
        let differences = [
            (before.technical_contact != after.technical_contact)
                .then(|| self.person("letter.changed.technical_contact", &after.technical_contact)),
            (before.bill_to().company != after.bill_to().company).then(|| company("letter.changed.bill_to", after.bill_to())),
            (before.customer.company != after.customer.company).then(|| company("letter.changed.licensee", &after.customer)),
            differs().then(|| self.text("letter.changed.lines")),
        ];
        let body = self.person("letter.changed.body", after.requester());
        let paragraphs = [body].into_iter().chain(differences.into_iter().flatten()).chain([self.text("letter.changed.next")]);
        let subject = self.fill("letter.changed.subject", &[("number", &number)]);
        let letter = self.letter(&to, subject, paragraphs.collect());
        Outgoing { role: "changed".to_owned(), to, letter, document: None }
    }

    /// The quote copy, only for the requester, because it shows the buying price (R22).
    fn quote_copy(&self) -> Outgoing {
        let (number, revision, total) = (self.number(), self.offer.revision.to_string(), self.total());
        let subject = if self.offer.revision > 1 { "letter.quote.subject_revised" } else { "letter.quote.subject" };
        let seller = self.own(&self.policy.seller.legal_name);
        let subject = self.fill(subject, &[("number", &number), ("revision", &revision), ("seller", &seller)]);
        let pay = self.links.to(&self.quote.number, self.offer).pay();
        let (invitation, action) = if self.offer.is_payable_online() {
            ("letter.quote.pay", Action { label: self.text("letter.quote.button_pay"), url: pay.clone() })
        } else {
            ("letter.quote.pay_other", self.view("letter.quote.button_view"))
        };
        let to = self.offer.requester().clone();
        let valid_through = kept(&self.formats.date(self.offer.valid_through));
        let values = [("number", &*number), ("total", &total), ("valid_through", &valid_through)];
        let parties = self.offer.reseller.as_ref().map(|reseller| {
            let (company, licensee) = (self.own(&reseller.company), self.own(&self.offer.customer.company));
            self.fill("letter.quote.customer", &[("company", &company), ("licensee", &licensee)])
        });
        let declined = self.offer.declined().map(|segment| {
            let known = self.policy.segment(segment).map_or(segment, |segment| &segment.name);
            let name = self.policy.wording.name(&self.offer.locale, "segment", segment, known);
            self.fill("letter.quote.declined", &[("segment", &self.own(name))])
        });
        let receiver = self.person("letter.quote.technical_contact", &self.offer.technical_contact);
        let parties = parties.into_iter().chain([receiver]);
        let body = self.fill("letter.quote.body", &values);
        let paragraphs = std::iter::once(body).chain(parties).chain(declined).chain([self.text(invitation)]).collect();
        // The requester may be a person in whose name another one orders. The buyer's own words are not sent to an address that has
        // not bought; the document behind the link has them, last and marked as the buyer's (C2).
        let document = Document { notes: None, ..Document::quote(self.quote, self.policy, &pay) };
        let mut letter = self.letter(&to, subject, paragraphs);
        letter.preheader = self.fill("letter.quote.preheader", &values);
        letter.summary = document.summary.as_ref().and_then(summary);
        letter.action = Some(action);
        (letter.lines, letter.totals) = (document.table.lines.clone(), document.totals.clone());
        let private = if self.offer.reseller.is_some() { "letter.quote.private_reseller" } else { "letter.quote.private" };
        letter.small = vec![self.text(private)];
        let change = self.links.requester(&self.quote.number, self.offer);
        letter.change = change.map(|url| self.sentence("letter.quote.change", url));
        Outgoing { role: "quote".to_owned(), to, letter, document: Some(document) }
    }

    /// The purchase confirmations (R82): for the technical contact without price and invoice, for the purchaser with both.
    /// A person who is both gets one letter, as the purchaser.
    fn delivered(&self, delivery: &Delivery) -> Vec<Outgoing> {
        let receipt = self.receipt(delivery);
        let mut readers: Vec<(&Contact, Vec<Delivered>)> = Vec::new();
        for one in &delivery.entitlements {
            let reader = self.reader(one);
            match readers.iter_mut().find(|(known, _)| known.email == reader.email) {
                Some((_, theirs)) => theirs.push(one.clone()),
                None => readers.push((reader, vec![one.clone()])),
            }
        }
        let confirmation = |(reader, entitlements): (&Contact, Vec<Delivered>)| {
            let theirs = Delivery { entitlements, ..delivery.clone() };
            (reader.email != receipt.to.email).then(|| self.confirmation(reader, &theirs))
        };
        let mut letters: Vec<_> = readers.into_iter().filter_map(confirmation).collect();
        letters.push(receipt);
        letters
    }

    /// The technical contact of a delivered entitlement: of the existing entitlement if the order names one, else of the order.
    fn reader(&self, one: &Delivered) -> &Contact {
        let line = self.offer.lines.iter().find(|line| line.line == one.line);
        let held = line.and_then(|line| line.order.held.as_ref());
        held.and_then(|held| held.technical_contact.as_ref()).unwrap_or(&self.offer.technical_contact)
    }

    fn confirmation(&self, to: &Contact, delivery: &Delivery) -> Outgoing {
        let to = to.clone();
        // A technical contact whom the order does not name gets a separate letter, which needs a role of its own.
        let role = match delivery.entitlements.first() {
            Some(first) if to.email != self.offer.technical_contact.email => format!("confirmation-{}", first.line),
            _ => "confirmation".to_owned(),
        };
        let subject = self.fill("letter.confirmation.subject", &[("seller", &self.own(&self.policy.seller.legal_name))]);
        let body = if self.offer.reseller.is_some() { "letter.confirmation.body" } else { "letter.confirmation.body_own" };
        let purchaser = self.own(&self.offer.bill_to().company);
        let parties = [("purchaser", &*purchaser), ("licensee", &self.own(&self.offer.customer.company))];
        let mut letter = self.letter(&to, subject, vec![self.fill(body, &parties)]);
        letter.items = self.items(delivery);
        // Of several keys, each has its own link in the list.
        if let [item] = &*letter.items {
            letter.action = item.url.clone().map(|url| Action { label: self.text("letter.keys"), url });
        }
        letter.after = self.keys_and_subscriptions("letter.confirmation.keys", delivery);
        letter.small = vec![self.fill("letter.confirmation.notice", &[("purchaser", &purchaser)])];
        Outgoing { role, to, letter, document: None }
    }

    fn receipt(&self, delivery: &Delivery) -> Outgoing {
        let to = self.offer.requester().clone();
        let (number, total, invoice) = (self.number(), self.total(), kept(&delivery.invoice.to_string()));
        let subject = self.fill("letter.receipt.subject", &[("number", &number)]);
        let body = self.fill("letter.receipt.body", &[("number", &number), ("total", &total), ("invoice", &invoice)]);
        let technical_contact = &self.offer.technical_contact;
        let (introduction, keys) = if technical_contact.email == to.email {
            (self.text("letter.receipt.yours"), "letter.confirmation.keys")
        } else {
            (self.fill("letter.receipt.delivered", &[("name", &self.own(&technical_contact.name))]), "letter.receipt.keys")
        };
        let mut letter = self.letter(&to, subject, vec![body]);
        letter.items_heading = Some(introduction);
        letter.items = self.items(delivery);
        letter.after = self.keys_and_subscriptions(keys, delivery);
        letter.action = Some(self.view("letter.receipt.button"));
        let document = Document::invoice(self.quote, self.policy);
        if let Some(invoice) = &document {
            letter.summary = invoice.summary.as_ref().and_then(summary);
            (letter.lines, letter.totals) = (invoice.table.lines.clone(), invoice.totals.clone());
        }
        Outgoing { role: "receipt".to_owned(), to, letter, document }
    }

    /// Each entitlement with its SEN, by which support identifies it, and the link to its key if it has one.
    fn items(&self, delivery: &Delivery) -> Vec<Item> {
        let item = |one: &Delivered| {
            let line = self.offer.lines.iter().find(|line| line.line == one.line)?;
            // A letter states the last day that is covered. The stored end is the day after it.
            let end = one.end.unwrap_or_else(|| months_after(delivery.invoiced_on, line.order.months));
            let end = kept(&self.formats.date(end.yesterday().unwrap_or(end)));
            let key = match license::kind(line.deployment) {
                Kind::Perpetual => "entitlement.perpetual",
                Kind::Term => "entitlement.term",
                Kind::Subscription => "entitlement.subscription",
            };
            let known = &line.product_name;
            let product = self.own(self.policy.wording.name(&self.offer.locale, "product", &line.order.product, known));
            let values = [("product", &*product), ("tier", &self.formats.number(line.tier)), ("end", &end)];
            let text = self.formats.counted(key, line.tier, &values);
            Some(Item { sen: kept(&one.sen.to_string()), text, url: one.key.then(|| self.links.license(&one.sen)) })
        };
        delivery.entitlements.iter().filter_map(item).collect()
    }

    fn keys_and_subscriptions(&self, keys: &str, delivery: &Delivery) -> Vec<String> {
        let date = kept(&self.formats.date(delivery.invoiced_on));
        let hosted = self.offer.lines.iter().any(|line| !line.deployment.is_self_managed());
        let keys = first_key(delivery).map(|_| self.text(keys));
        let subscriptions = hosted.then(|| self.fill("letter.confirmation.subscriptions", &[("date", &date)]));
        keys.into_iter().chain(subscriptions).collect()
    }
}

fn first_key(delivery: &Delivery) -> Option<&Delivered> {
    delivery.entitlements.iter().find(|one| one.key)
}

/// How much and until when, or since when.
fn summary(summary: &typesetting::Summary) -> Option<Summary> {
    let deadline = summary.deadline.clone()?;
    let (label, amount) = (summary.label.clone(), summary.amount.clone());
    Some(Summary { label, amount, deadline_label: deadline.label, deadline: deadline.value })
}
