//! The verified domains of an organisation's e-mail addresses, as the desk records them.

use crate::{Code, fault::Faults, host::ascii_host};

const MOST: usize = 20;

/// Providers at which anyone can have an address. An address there shows nothing about an organisation.
const OPEN_TO_ALL: [&str; 28] = [
    "163.com",
    "aol.com",
    "gmail.com",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.com",
    "icloud.com",
    "live.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "naver.com",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "t-online.de",
    "web.de",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.de",
    "yandex.com",
    "yandex.ru",
    "zoho.com",
];

/// The domains in ASCII and lower case, each once and in order; `None` with every fault added.
pub(super) fn domains(faults: &mut Faults, given: &[String]) -> Option<Vec<String>> {
    if given.len() > MOST {
        faults.add(Code::ValueInvalid, "/domains", format!("These are too many domains. Record at most {MOST}."));
        return None;
    }
    let mut read = Some(Vec::new());
    for (i, text) in given.iter().enumerate() {
        let domain = ascii_host(text.trim()).map(|host| host.to_ascii_lowercase());
        let detail = match &domain {
            None => "This is not a domain name. Write it as example.com.",
            Some(domain) if OPEN_TO_ALL.contains(&domain.as_str()) => {
                "Anyone can have an address at this domain, so it shows nothing. Leave it out."
            }
            Some(_) => {
                read.iter_mut().for_each(|read| read.extend(domain.clone()));
                continue;
            }
        };
        faults.add(Code::ValueInvalid, format_args!("/domains/{i}"), detail);
        read = None;
    }
    read.map(|mut domains| {
        domains.sort();
        domains.dedup();
        domains
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[&str]) -> (Option<Vec<String>>, Vec<String>) {
        let mut faults = Faults::default();
        let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
        let domains = domains(&mut faults, &given);
        let pointers = match faults.into_result(Some(())) {
            Ok(()) => Vec::new(),
            Err(refusal) => refusal.faults.into_iter().map(|fault| fault.pointer).collect(),
        };
        (domains, pointers)
    }

    #[test]
    fn b16_a_domain_belongs_to_one_organisation() {
        let domains = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(&[]), (domains(&[]), Vec::new()));
        let given = ["Society.EXAMPLE", "bücher.example", "society.example"];
        assert_eq!(read(&given), (domains(&["society.example", "xn--bcher-kva.example"]), Vec::new()));
        assert_eq!(read(&["society.example", "GMail.com", "a@b"]).1, ["/domains/1", "/domains/2"]);
        assert_eq!(read(&["society.example"; 21]).1, ["/domains"]);
    }
}
