//! Writes the codes and names of ISO 3166 as plain bytes. The library's tables contain forty thousand pointers, which the dynamic
//! loader would relocate at every cold start of every function.

use std::{fs, io, path::PathBuf};

use rust_iso3166::{ALL, ALPHA2_MAP, iso3166_2::SUBDIVISION_MAP};

/// Codes that the standard leaves to its users, and that post and payment services use: Kosovo, and the United States' military
/// addresses.
const USERS: [(&str, &str); 1] = [("XK", "Kosovo")];
const MILITARY: [(&str, &str); 3] =
    [("US-AA", "Armed Forces Americas"), ("US-AE", "Armed Forces Europe"), ("US-AP", "Armed Forces Pacific")];

/// The countries whose addresses usually have the name or code of a subdivision. The names of all five thousand would be a third
/// of this crate's size.
const NAMED: [&str; 15] = ["AT", "AU", "BR", "CA", "CH", "DE", "ES", "IE", "IN", "IT", "JP", "MX", "MY", "NZ", "US"];

#[allow(clippy::print_stdout, clippy::disallowed_methods, reason = "this is how cargo and a build script speak")]
fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?;
    let countries = ALPHA2_MAP.keys().copied().chain(USERS.map(|(code, _)| code));
    fs::write(folder.join("countries"), in_order(countries, 2))?;
    let subdivisions = SUBDIVISION_MAP.keys().copied().chain(MILITARY.map(|(code, _)| code));
    fs::write(folder.join("subdivisions"), in_order(subdivisions, 6))?;
    let countries = ALL.iter().map(|country| format!("{}|{}|{}", country.alpha2, country.alpha3, country.name));
    fs::write(folder.join("country-names"), lines(countries.chain(USERS.map(|(code, name)| format!("{code}|XKX|{name}")))))?;
    let named = SUBDIVISION_MAP.values().filter(|subdivision| NAMED.contains(&subdivision.country_code));
    let named = named.map(|subdivision| (subdivision.code, subdivision.name)).chain(MILITARY);
    fs::write(folder.join("subdivision-names"), lines(named.map(|(code, name)| format!("{code}|{name}"))))
}

/// The sorted codes, each padded with spaces to `width` bytes.
fn in_order<'c>(codes: impl Iterator<Item = &'c str>, width: usize) -> String {
    let mut codes: Vec<_> = codes.collect();
    codes.sort_unstable();
    assert!(codes.iter().all(|code| code.len() <= width), "ISO 3166 has a code of more than {width} bytes");
    codes.iter().map(|code| format!("{code:width$}")).collect()
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    lines.join("\n")
}
