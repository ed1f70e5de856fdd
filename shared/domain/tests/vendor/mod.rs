//! The example vendor's files, as the domain's tests read them.
#![allow(dead_code)]

use std::{collections::BTreeMap, fs, path::Path};

use domain::Policy;

pub(crate) fn files() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/vendor");
    let names = [
        "vendor.toml",
        "catalogue.toml",
        "prices.toml",
        "channel.toml",
        "segments.toml",
        "renewals.toml",
        "tax.toml",
        "payment.toml",
        "languages/en.toml",
        "languages/ar.toml",
        "languages/de.toml",
        "languages/ja.toml",
    ];
    names.iter().map(|name| ((*name).to_owned(), fs::read_to_string(root.join(name)).unwrap())).collect()
}

pub(crate) fn policy() -> Policy {
    Policy::read(&files()).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}
