//! `check-policy`: reads a vendor folder as the functions do, and reports everything that is wrong with it.

use std::path::Path;

use domain::{Policy, policy::Mistakes};
use runtime::{StartError, Vendor};

/// Reads a whole folder: policy, texts, and the templates of letters and documents.
///
/// # Errors
///
/// Every mistake in the folder ([`Mistakes`]), by file and line; or the folder cannot be read.
pub fn folder(path: &Path) -> Result<Policy, StartError> {
    let vendor = Vendor::open(path)?;
    let policy_and_letters = Mistakes::both(vendor.policy(), notifications::templates(&vendor));
    let ((policy, ()), ()) = Mistakes::both(policy_and_letters, documents::template(&vendor))?;
    Ok(policy)
}

/// The error of a start. A start that finds a mistake in the vendor folder does not look at the rest of the folder, so the folder
/// is read again as a whole.
pub fn explained(error: StartError, path: &Path) -> StartError {
    let about_the_folder = error.is::<Mistakes>();
    match folder(path) {
        Err(all) if about_the_folder => all,
        _ => error,
    }
}
