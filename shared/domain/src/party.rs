//! People and organisations: the buyer, the billed party, the licensee, and the person who receives the key.

use serde::{Deserialize, Serialize};

use crate::host::ascii_host;

/// A person at an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Full name.
    pub name: String,
    /// E-mail address.
    pub email: Email,
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Street and number, or a post-office box.
    pub street: String,
    /// City or locality.
    pub city: String,
    /// Postal code, if the country has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// ISO 3166-2 subdivision with its country, `US-CA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// ISO 3166-1 alpha-2 country, `US`.
    pub country: String,
}

/// An organisation with its contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The organisation's legal name.
    pub company: String,
    /// The person to write to.
    pub contact: Contact,
    /// The physical billing address, which the tax depends on (R14, R89).
    pub address: Address,
}

/// An e-mail address: compared without case, shown as it was written, never logged.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Reads an address. `None` unless `text` is one plain address that every mail header and mail service accepts unchanged:
    /// no display name, no quotes, ASCII before the `@`, a host with a dotted name, at most 254 characters (RFC 5321). The host
    /// of an internationalised address becomes ASCII: `info@bücher.example` is `info@xn--bcher-kva.example`.
    pub fn parse(text: &str) -> Option<Self> {
        let (mailbox, host) = text.rsplit_once('@')?;
        let host = ascii_host(host)?;
        let text = format!("{mailbox}@{host}");
        let plain = text.len() <= 254 && mailbox.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"(),:;@[\\]".contains(&b));
        let named = !host.ends_with(|c: char| c.is_ascii_digit());
        (plain && named && email_address::EmailAddress::is_valid(&text)).then_some(Self(text))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The mailbox behind the address, without case and without the part after a `+` (RFC 5233): all of these addresses belong to
    /// one person. Gmail, with both of its domains, ignores the dots as well.
    pub fn mailbox(&self) -> String {
        let address = self.0.to_ascii_lowercase();
        let Some((local, domain)) = address.rsplit_once('@') else { return address };
        let owner = local.split_once('+').map_or(local, |(owner, _)| owner);
        match domain {
            "gmail.com" | "googlemail.com" => format!("{}@gmail.com", owner.replace('.', "")),
            _ => format!("{owner}@{domain}"),
        }
    }

    /// Whether this address is that of its mailbox itself for certain. What a server does with the part after a `+` is known of Gmail
    /// only: another server may have no such mailbox, although it has the one without that part.
    pub fn names_its_mailbox(&self) -> bool {
        self.mailbox().ends_with("@gmail.com") || !self.0.rsplit_once('@').is_some_and(|(local, _)| local.contains('+'))
    }

    /// The part after the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or(&self.0, |(_, domain)| domain)
    }
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Email {}

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("‹e-mail›")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_plain_address_is_accepted() {
        assert!(Email::parse("first.last+tag@mail.example.com").is_some());
        for no in [
            "",
            "no-at-sign",
            "a@b@c.example",
            "a@b.example\r\nBcc: all@example.com",
            "Name <a@b.example>",
            "a b@c.example",
            "a@b.example,c@d.example",
            "\"quoted\"@b.example",
            "é@b.example",
            "a@bü cher.example",
            "a@bücher",
            "x.y@[1.2.3.4]",
            "x.y@1.2.3.4",
            "a.b@localhost",
            "a@-b.example",
            "a(b)@c.example",
        ] {
            assert!(Email::parse(no).is_none(), "{no}");
        }
    }

    /// B27: two spellings of one address are equal.
    #[test]
    fn b27_the_host_of_an_address_is_kept_in_ascii() {
        let (one, two) = (Email::parse("info@bücher.example"), Email::parse("Info@XN--BCHER-KVA.example"));
        assert_eq!(one.as_ref().map(Email::as_str), Some("info@xn--bcher-kva.example"));
        assert_eq!(one, two);
    }

    #[test]
    fn r22_addresses_of_one_mailbox_are_one() {
        let mailbox = |text: &str| Email::parse(text).expect("an address").mailbox();
        assert_eq!(mailbox("Rita+Quotes+1@Reseller.Example"), mailbox("rita@reseller.example"));
        assert_ne!(mailbox("rita@reseller.example"), mailbox("rita@another.example"));
        assert_ne!(
            mailbox("rita.b@reseller.example"),
            mailbox("ritab@reseller.example"),
            "most mail services treat dots as part of the name"
        );
        assert_eq!(mailbox("Rita.B+quotes@googlemail.com"), mailbox("ritab@gmail.com"), "C4: Gmail does not");
    }

    #[test]
    fn r28_addresses_are_compared_without_case_and_never_printed() {
        let (one, two) = (Email::parse("A.B@Example.com"), Email::parse("a.b@example.COM"));
        assert_eq!(one, two);
        assert!(!format!("{one:?}").contains("xample"));
    }
}
