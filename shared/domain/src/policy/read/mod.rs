//! Reads a [`Policy`] from the vendor's TOML files, or reports every mistake with its place and its remedy.

mod bounds;
mod catalogue;
mod discounts;
mod files;
mod mistakes;
mod paying;
mod prices;
mod source;
mod taxes;
mod values;
mod vendor;
mod wording;

use std::collections::BTreeMap;

pub use self::mistakes::{Mistake, Mistakes};
use self::{source::Reader, vendor::Vendor};
use super::Policy;
use sha2::{Digest, Sha256};

use crate::wording::Wording;

/// The texts of a policy that is about to be read.
enum Unread<'w> {
    /// All are read, and every mistake is reported.
    Unchecked,
    /// They were checked when they were published, and each language is read when it is needed.
    Published {
        /// The texts that letters and documents have started to use since.
        newer: Option<&'w Wording>,
    },
}

impl Policy {
    /// Reads a policy from the vendor's files: names relative to the vendor's folder, with their text. Files of other crates
    /// (letters, documents, examples) may be included. The version depends on every `.toml` file.
    ///
    /// # Errors
    ///
    /// Every mistake in the files, by file and line.
    pub fn read(files: &BTreeMap<String, String>) -> Result<Self, Mistakes> {
        Self::read_with(files, &Unread::Unchecked)
    }

    /// Reads a policy whose texts were checked, as they are when it is published. A language is read when its first text is
    /// needed, so that a program starts as fast with many languages as with one. The version is that of the files as they are.
    ///
    /// Texts that letters and documents have started to use since the policy was published are taken from `newer`.
    ///
    /// # Errors
    ///
    /// Every mistake outside the texts, by file and line.
    pub fn read_published(files: &BTreeMap<String, String>, newer: Option<&Wording>) -> Result<Self, Mistakes> {
        Self::read_with(files, &Unread::Published { newer })
    }

    fn read_with(files: &BTreeMap<String, String>, texts: &Unread<'_>) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(files);
        let vendor = reader.vendor();
        let mut catalogue = reader.catalogue();
        reader.prices(&mut catalogue);
        let programmes = reader.channel(&catalogue);
        let segments = reader.segments(&catalogue);
        let bounds = reader.bounds();
        let (methods, restrictions, second_person) = reader.paying(&catalogue);
        let language = vendor.as_ref().and_then(|vendor| vendor.default_language.as_ref());
        let (wording, checked) = match texts {
            Unread::Unchecked => (reader.wording(language, &methods), true),
            Unread::Published { newer } => (reader.published_wording(language, *newer), false),
        };
        let tax = reader.taxes(&catalogue, wording.as_ref().filter(|_| checked));
        // What is not there has been reported.
        let sound = || {
            let Vendor { seller, quote, terms, reseller_agreement, invoice_series, review, brand, .. } = vendor?;
            let (quote, brand) = (quote?, brand?);
            Some(Self {
                version: version(files),
                seller: seller?,
                accent: brand.accent,
                printable: brand.printable,
                timezone: quote.timezone,
                validity_days: quote.validity_days,
                rounding: quote.rounding,
                terms: terms?,
                reseller_agreement: reseller_agreement?,
                invoice_series: invoice_series?,
                review: review?,
                products: catalogue.into_products(),
                programmes,
                segments,
                bounds: bounds?,
                tax,
                methods,
                restrictions,
                second_person,
                wording: wording?,
            })
        };
        match (sound(), reader.finish()) {
            (Some(policy), mistakes) if mistakes.is_empty() => Ok(policy),
            (_, mistakes) => Err(Mistakes(mistakes)),
        }
    }
}

/// The content address of the files that a price or a document depends on.
fn version(files: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for (name, text) in files.iter().filter(|(name, _)| name.ends_with(".toml")) {
        for part in [name, text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hex::encode(&hash.finalize()[..8])
}
