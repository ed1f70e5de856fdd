//! The secrets of the local deployment: created at the first start, and stored in the data directory for its owner only.

use std::{io, path::Path};

use crate::durable;

/// The secret in `secrets/{name}`. A missing secret is created by `make`.
pub(crate) fn kept(data_dir: &Path, name: &str, make: impl FnOnce() -> String) -> io::Result<String> {
    let folder = data_dir.join("secrets");
    durable::private_dir(&folder)?;
    let file = folder.join(name);
    match std::fs::read_to_string(&file) {
        Ok(secret) => Ok(secret),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let secret = make();
            durable::write(&file, secret.as_bytes())?;
            Ok(secret)
        }
        Err(cause) => Err(io::Error::new(cause.kind(), format!("{}: {cause}", file.display()))),
    }
}

/// 244 random bits in hexadecimal.
pub(crate) fn fresh() -> String {
    runtime::random::token() + &runtime::random::token()
}
