//! The secrets of the local deployment: created at the first start, and stored in the data directory for its owner only. The
//! table and its keys belong together: a table that is used with other keys has dead links, and numbers repeated requests again.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use licensing::FileSigner;
use runtime::StartError;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::durable;

/// The folder of the secrets.
const SECRETS: &str = "secrets";
/// The keys that the secrets of links are derived from: `id:secret`, separated by commas.
const LINK_KEYS: &str = "link-keys";
/// The key that numbers are derived from.
const NUMBER_KEY: &str = "number-key";
/// The key that signs licences.
const LICENSE_KEY: &str = "license-key.pem";

/// Why a secret cannot be used.
#[derive(Debug, Error)]
pub(crate) enum SecretError {
    /// The table was made with a secret that is not there.
    #[error(
        "{} is missing, and the table was made with it: restore the file from the backup that the table is from. With another key, \
         links in letters are dead, and the same requests and lines get other numbers",
        .0.display()
    )]
    Missing(PathBuf),
    /// The secret is not the one that the table was made with.
    #[error(
        "{} does not hold the {key} that the table was made with: the file was changed or truncated. Restore it from the backup that \
         the table is from",
        .file.display()
    )]
    Changed {
        /// The file.
        file: PathBuf,
        /// The name of the key.
        key: String,
    },
    /// The file holds nothing.
    #[error("{} is empty: restore it from a backup", .0.display())]
    Empty(PathBuf),
    /// The file cannot be read or written.
    #[error("{}: {cause}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the operating system reported.
        cause: io::Error,
    },
}

/// The keys that belong to the table.
pub(crate) struct Keys {
    folder: PathBuf,
    pub(crate) link_keys: String,
    pub(crate) number_key: String,
}

impl Keys {
    /// The keys in the data directory. Those that are missing are created: there is no table yet.
    pub(crate) fn create(data_dir: &Path) -> Result<Self, SecretError> {
        let link_keys = kept(data_dir, LINK_KEYS, || format!("k1:{}", fresh()))?;
        let number_key = kept(data_dir, NUMBER_KEY, fresh)?;
        Ok(Self { folder: data_dir.join(SECRETS), link_keys, number_key })
    }

    /// The keys in the data directory, which must be those of the table whose fingerprints these are. A table of an earlier
    /// version has no fingerprints.
    pub(crate) fn of_table(data_dir: &Path, recorded: &BTreeMap<String, String>) -> Result<Self, SecretError> {
        let folder = data_dir.join(SECRETS);
        let required = |name: &str| read(&folder.join(name))?.ok_or_else(|| SecretError::Missing(folder.join(name)));
        let keys = Self { link_keys: required(LINK_KEYS)?, number_key: required(NUMBER_KEY)?, folder: folder.clone() };
        let found = keys.fingerprints();
        for (key, fingerprint) in recorded {
            if found.get(key) != Some(fingerprint) {
                let file = keys.folder.join(if key == NUMBER_KEY { NUMBER_KEY } else { LINK_KEYS });
                return Err(SecretError::Changed { file, key: key.clone() });
            }
        }
        Ok(keys)
    }

    /// What the table records about the keys: the first 64 bits of a hash of each, by its name. The keys have 244 random bits, so
    /// that their hashes disclose nothing.
    pub(crate) fn fingerprints(&self) -> BTreeMap<String, String> {
        let link_keys = self.link_keys.split(',').map(str::trim).filter_map(|pair| pair.split_once(':'));
        let named = link_keys.map(|(id, secret)| (format!("link key {id}"), secret));
        let all = named.chain([(NUMBER_KEY.to_owned(), &*self.number_key)]);
        all.map(|(name, secret)| {
            let fingerprint = fingerprint(&name, secret);
            (name, fingerprint)
        })
        .collect()
    }
}

fn fingerprint(name: &str, secret: &str) -> String {
    let hash =
        Sha256::new().chain_update("sellthrough key fingerprint\0").chain_update(name).chain_update("\0").chain_update(secret);
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The key that signs licences. It is created if `create`, which is when no licence was signed yet.
pub(crate) fn signer(data_dir: &Path, create: bool) -> Result<Arc<FileSigner>, StartError> {
    let file = data_dir.join(LICENSE_KEY);
    if !create && !file.exists() {
        return Err(SecretError::Missing(file).into());
    }
    Ok(Arc::new(FileSigner::open_or_create(file)?))
}

/// The secret in `secrets/{name}`. A missing secret is created by `make`.
pub(crate) fn kept(data_dir: &Path, name: &str, make: impl FnOnce() -> String) -> Result<String, SecretError> {
    let folder = data_dir.join(SECRETS);
    let file = folder.join(name);
    if let Some(secret) = read(&file)? {
        return Ok(secret);
    }
    let secret = make();
    let written = durable::private_dir(&folder).and_then(|()| durable::write(&file, secret.as_bytes()));
    written.map(|()| secret).map_err(|cause| SecretError::File { file, cause })
}

/// The content of a secret's file; `None` if there is no file.
fn read(file: &Path) -> Result<Option<String>, SecretError> {
    match std::fs::read_to_string(file) {
        Ok(secret) if secret.trim().is_empty() => Err(SecretError::Empty(file.to_owned())),
        Ok(secret) => Ok(Some(secret)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(SecretError::File { file: file.to_owned(), cause }),
    }
}

/// 244 random bits in hexadecimal.
pub(crate) fn fresh() -> String {
    runtime::random::token() + &runtime::random::token()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_link_key_may_be_added_and_none_may_be_changed_or_removed() {
        let data = tempfile::tempdir().unwrap();
        let keys = Keys::create(data.path()).unwrap();
        let recorded = keys.fingerprints();
        assert_eq!(recorded.keys().collect::<Vec<_>>(), ["link key k1", "number-key"]);
        assert!(!recorded.values().any(|fingerprint| keys.number_key.contains(fingerprint)));

        let file = data.path().join("secrets/link-keys");
        std::fs::write(&file, format!("k2:{}, {}", fresh(), keys.link_keys)).unwrap();
        let more = Keys::of_table(data.path(), &recorded).unwrap();
        assert_eq!(more.fingerprints().len(), 3);

        std::fs::write(&file, format!("k2:{}", fresh())).unwrap();
        let refusal = Keys::of_table(data.path(), &recorded).err().unwrap().to_string();
        assert!(refusal.contains("secrets/link-keys does not hold the link key k1"), "{refusal}");
    }
}
