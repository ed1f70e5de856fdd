//! The vendor's folder: policy, texts and templates. It is read once, at the start.

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
    /// The files that are not text.
    unreadable: Vec<Mistake>,
    /// The font files, by their name in the folder.
    fonts: Vec<(String, PathBuf)>,
}

/// The folder cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the vendor's folder: {path} cannot be read: {source}")]
pub struct VendorError {
    path: PathBuf,
    source: io::Error,
}

/// Why a function does not start, and what to change.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

impl Vendor {
    /// The folder that `VENDOR_DIR` names, and the links of `PUBLIC_URL`, `PAYMENT_URL` and `LINK_KEYS`. Every function that
    /// shows a quote needs them.
    ///
    /// # Errors
    ///
    /// A setting is wrong, or the folder cannot be read.
    pub fn with_links(configuration: &Configuration) -> Result<(Self, Links), StartError> {
        let (folder, api, pay, keys) = configuration
            .read(|c| (c.required("VENDOR_DIR"), c.url("PUBLIC_URL"), c.url("PAYMENT_URL"), c.secret("LINK_KEYS")))?;
        Ok((Self::open(folder)?, Links::new(api.as_str(), pay.as_str(), LinkKeys::parse(keys.expose())?)))
    }

    /// Reads the folder: every `.toml`, `.typ`, `.txt`, `.html` and `.svg` file in it and in the folders directly below.
    ///
    /// # Errors
    ///
    /// A folder or a file cannot be read.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, VendorError> {
        let mut vendor = Self { files: BTreeMap::new(), unreadable: Vec::new(), fonts: Vec::new() };
        vendor.read(folder.as_ref(), "")?;
        vendor.unreadable.sort();
        vendor.fonts.sort();
        Ok(vendor)
    }

    /// Reads the policy.
    ///
    /// # Errors
    ///
    /// Every mistake in the policy. A file of the folder that is not text is a mistake, even if the policy does not use it.
    pub fn policy(&self) -> Result<Policy, Mistakes> {
        self.with_unreadable(Policy::read(&self.files))
    }

    /// Reads the policy without its texts, which are read when they are first needed
    /// ([`read_published`](Policy::read_published)).
    ///
    /// # Errors
    ///
    /// Every mistake in the policy outside its texts. A file of the folder that is not text is a mistake.
    pub(crate) fn policy_without_texts(&self) -> Result<Policy, Mistakes> {
        self.with_unreadable(Policy::read_published(&self.files, None))
    }

    /// Adds the files that are not text to the mistakes of the policy.
    fn with_unreadable(&self, read: Result<Policy, Mistakes>) -> Result<Policy, Mistakes> {
        if self.unreadable.is_empty() {
            return read;
        }
        // The policy would report such a file as missing, beside the real mistake.
        let named = |mistake: &Mistake| self.unreadable.iter().any(|unreadable| unreadable.file == mistake.file);
        let others = read.err().map(|Mistakes(others)| others).unwrap_or_default();
        Err(Mistakes(self.unreadable.iter().cloned().chain(others.into_iter().filter(|other| !named(other))).collect()))
    }

    /// The files of the policy: every TOML file.
    pub fn policy_files(&self) -> BTreeMap<String, String> {
        let toml = self.files.iter().filter(|(name, _)| is_policy_file(name));
        toml.map(|(name, text)| (name.clone(), text.clone())).collect()
    }

    /// A required file, such as `documents/document.typ`.
    ///
    /// # Errors
    ///
    /// The file is missing or is not text.
    pub fn file(&self, name: &str) -> Result<&str, Mistakes> {
        self.files.get(name).map(String::as_str).ok_or_else(|| {
            let unreadable = self.unreadable.iter().find(|mistake| mistake.file == name).cloned();
            let missing = || {
                let what = "the file is missing: copy the example vendor's file and adapt it".to_owned();
                Mistake { file: name.to_owned(), line: None, what }
            };
            Mistakes(vec![unreadable.unwrap_or_else(missing)])
        })
    }

    /// An optional file, such as `documents/logo.svg`.
    pub fn file_if_there(&self, name: &str) -> Option<&str> {
        self.files.get(name).map(String::as_str)
    }

    /// The vendor's font files with their names. Only a function that prints reads them.
    ///
    /// # Errors
    ///
    /// Every file that cannot be read.
    pub fn fonts(&self) -> Result<Vec<(String, Vec<u8>)>, Mistakes> {
        let (mut fonts, mut mistakes) = (Vec::new(), Vec::new());
        for (name, path) in &self.fonts {
            match fs::read(path) {
                Ok(font) => fonts.push((name.clone(), font)),
                Err(error) => {
                    let what = format!("the file cannot be read: correct its permissions, or remove it ({error})");
                    mistakes.push(Mistake { file: name.clone(), line: None, what });
                }
            }
        }
        if mistakes.is_empty() { Ok(fonts) } else { Err(Mistakes(mistakes)) }
    }

    fn read(&mut self, folder: &Path, prefix: &str) -> Result<(), VendorError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| VendorError { path, source }
        };
        for entry in fs::read_dir(folder).map_err(failed(folder))? {
            let path = entry.map_err(failed(folder))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let kind = path.extension().and_then(|kind| kind.to_str());
            if path.is_dir() && prefix.is_empty() {
                self.read(&path, &format!("{name}/"))?;
            } else if matches!(kind, Some("toml" | "typ" | "txt" | "html" | "svg")) {
                self.take(format!("{prefix}{name}"), fs::read(&path).map_err(failed(&path))?);
            } else if matches!(kind, Some("ttf" | "otf")) {
                self.fonts.push((format!("{prefix}{name}"), path));
            }
        }
        Ok(())
    }

    fn take(&mut self, file: String, bytes: Vec<u8>) {
        match String::from_utf8(bytes) {
            Ok(text) => {
                self.files.insert(file, text);
            }
            Err(error) => {
                let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
                let what = "a character is not UTF-8: save the file in this encoding".to_owned();
                self.unreadable.push(Mistake { file, line: Some(line), what });
            }
        }
    }
}

/// Whether a file of a vendor's folder is part of the policy.
pub(crate) fn is_policy_file(name: &str) -> bool {
    name.ends_with(".toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_utf_8_is_a_mistake_with_its_place() {
        let mut vendor = Vendor { files: BTreeMap::new(), unreadable: Vec::new(), fonts: Vec::new() };
        vendor.take("vendor.toml".to_owned(), b"# one\n# M\xfcller\n".to_vec());
        vendor.take("letters/quote.txt".to_owned(), b"\xff".to_vec());
        vendor.take("prices.toml".to_owned(), b"# none".to_vec());

        let Mistakes(mistakes) = vendor.policy().expect_err("two files are no text");
        let of = |file: &str| mistakes.iter().filter(|mistake| mistake.file == file).collect::<Vec<_>>();
        assert_eq!(of("vendor.toml").iter().map(|mistake| mistake.line).collect::<Vec<_>>(), [Some(2)], "and not: missing");
        assert_eq!(of("letters/quote.txt").len(), 1);
        assert!(mistakes.len() > 2, "every other mistake is reported too: {mistakes:?}");

        let Mistakes(why) = vendor.file("letters/quote.txt").expect_err("it is no text");
        assert!(why[0].what.contains("UTF-8"), "{why:?}");
        assert_eq!(vendor.policy_files().into_keys().collect::<Vec<_>>(), ["prices.toml"]);
    }
}
