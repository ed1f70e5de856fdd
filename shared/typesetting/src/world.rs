//! Everything that a template can access: its own source, one document's data, the vendor's logo, and the fonts. No disk, no network, no
//! clock.

use std::sync::LazyLock;

use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, World};

use crate::fonts::Fonts;

/// The file name of the template inside typst.
pub(crate) static TEMPLATE: LazyLock<FileId> = LazyLock::new(|| file("document.typ"));
static DATA: LazyLock<FileId> = LazyLock::new(|| file("document.json"));
static LOGO: LazyLock<FileId> = LazyLock::new(|| file("logo.svg"));

fn file(name: &str) -> FileId {
    RootedPath::new(VirtualRoot::Project, VirtualPath::new(name).expect("a plain file name")).intern()
}

/// The environment (typst's `World`) in which one document is laid out.
pub(crate) struct DocumentWorld<'a> {
    pub(crate) library: &'a LazyHash<Library>,
    pub(crate) template: &'a Source,
    /// A [`Document`](crate::Document) as JSON.
    pub(crate) data: Bytes,
    /// The vendor's logo, an SVG.
    pub(crate) logo: Option<&'a Bytes>,
    pub(crate) fonts: &'a Fonts,
}

impl World for DocumentWorld<'_> {
    fn library(&self) -> &LazyHash<Library> {
        self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.fonts.book
    }

    fn main(&self) -> FileId {
        *TEMPLATE
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == *TEMPLATE { Ok(self.template.clone()) } else { Err(not_readable()) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        let logo = self.logo.filter(|_| id == *LOGO);
        if id == *DATA { Ok(self.data.clone()) } else { logo.cloned().ok_or_else(not_readable) }
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.faces.get(index).cloned()
    }

    /// No date: the document's dates are in its data, and a clock would make two prints of one document differ.
    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

fn not_readable() -> FileError {
    FileError::Other(Some(
        "a document template can read `document.json`, the vendor's `logo.svg` if there is one, and nothing else".into(),
    ))
}
