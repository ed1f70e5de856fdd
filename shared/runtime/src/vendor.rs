//! The vendor's folder: policy, words, templates. Read once, at the start.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use contract::Links;
use domain::{
    Policy,
    link::LinkKeys,
    policy::{Mistake, Mistakes},
};

use crate::configuration::Configuration;

/// The text files of a vendor's folder, by their name in it.
#[derive(Debug, Clone)]
pub struct Vendor {
    files: BTreeMap<String, String>,
}

/// The folder cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the vendor's folder: {path} cannot be read: {source}")]
pub struct VendorError {
    path: PathBuf,
    source: io::Error,
}

/// Why a function does not start: what to mend, for whoever started it.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

impl Vendor {
    /// The folder that `VENDOR_DIR` names, and the links of `PUBLIC_URL`, `PAYMENT_URL` and `LINK_KEYS`: what every
    /// function needs that shows a quote to people.
    pub fn with_links(configuration: &Configuration) -> Result<(Self, Links), StartError> {
        let (folder, api, pay, keys) = configuration
            .read(|c| (c.required("VENDOR_DIR"), c.url("PUBLIC_URL"), c.url("PAYMENT_URL"), c.secret("LINK_KEYS")))?;
        Ok((Self::open(folder)?, Links::new(api.as_str(), pay.as_str(), LinkKeys::parse(keys.expose())?)))
    }

    /// Reads the folder: every `.toml`, `.typ`, `.txt` and `.html` file, one folder deep.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, VendorError> {
        let mut files = BTreeMap::new();
        read(folder.as_ref(), "", &mut files)?;
        Ok(Self { files })
    }

    /// The policy, or every mistake in it.
    pub fn policy(&self) -> Result<Policy, Mistakes> {
        Policy::read(&self.files)
    }

    /// A file that must be there, such as `documents/document.typ`.
    pub fn file(&self, name: &str) -> Result<&str, Mistakes> {
        self.files.get(name).map(String::as_str).ok_or_else(|| {
            let what = "the file is missing: take the example vendor's and make it yours".to_owned();
            Mistakes(vec![Mistake { file: name.to_owned(), line: None, what }])
        })
    }
}

fn read(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<(), VendorError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| VendorError { path, source }
    };
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let kind = path.extension().and_then(|kind| kind.to_str());
        if path.is_dir() && prefix.is_empty() {
            read(&path, &format!("{name}/"), files)?;
        } else if matches!(kind, Some("toml" | "typ" | "txt" | "html")) {
            files.insert(format!("{prefix}{name}"), fs::read_to_string(&path).map_err(failed(&path))?);
        }
    }
    Ok(())
}
