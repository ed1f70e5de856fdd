//! Warns about names and texts that documents cannot print.

use crate::{
    Policy,
    order::{Order, Warning},
    party::Party,
    printing::unprintable,
};

/// The order with a warning about every text with a character that no font of the vendor's documents has. A document shows a box
/// in its place.
pub(super) fn warned(mut order: Order, policy: &Policy) -> Order {
    let parties = order.reseller.iter().map(|reseller| ("/reseller", reseller)).chain([("/customer", &order.customer)]);
    let of_parties = parties.flat_map(|(at, party)| {
        let Party { company, contact, address } = party;
        let postal_code = address.postal_code.as_deref().unwrap_or_default();
        let texts: [(&str, &str); 5] = [
            ("company", company),
            ("contact/name", &contact.name),
            ("address/street", &address.street),
            ("address/city", &address.city),
            ("address/postal_code", postal_code),
        ];
        texts.map(|(name, text)| (format!("{at}/{name}"), text))
    });
    let others: [(&str, &str); 3] = [
        ("/customer/technical_contact/name", &order.technical_contact.name),
        ("/po_number", order.po_number.as_deref().unwrap_or_default()),
        ("/notes", order.notes.as_deref().unwrap_or_default()),
    ];
    let texts = of_parties.chain(others.map(|(pointer, text)| (pointer.to_owned(), text)));
    let warnings: Vec<_> = texts.filter_map(|(pointer, text)| warning(pointer, text, policy)).collect();
    order.warnings.extend(warnings);
    order
}

fn warning(pointer: String, text: &str, policy: &Policy) -> Option<Warning> {
    let missing = unprintable(text, &policy.printable);
    let named: Vec<_> = missing.iter().map(|c| format!("{c} (U+{:04X})", u32::from(*c))).collect();
    let detail = format!(
        "Documents cannot print these characters and show boxes in their place: {}. Write the text in another script, if it has a \
         spelling there.",
        named.join(", ")
    );
    (!missing.is_empty()).then(|| Warning::new("not_printable", pointer, detail))
}
