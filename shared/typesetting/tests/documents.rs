//! Documents laid out with the example vendor's template. The tests read the PDFs back.
#![allow(clippy::unwrap_used, reason = "a missing value fails the test")]

use std::collections::BTreeSet;

use lopdf::{Dictionary, Object};
use typesetting::{
    Brand, Columns, Direction, Document, Fact, Kind, Line, Method, Notes, Online, Party, Payment, Place, Summary, Table, Total,
    Typesetter, isolated, kept,
};

const TEMPLATE: &str = include_str!("../../../infra/vendor/documents/document.typ");

fn typesetter() -> Typesetter {
    Typesetter::new(TEMPLATE).expect("the example vendor's template is valid")
}

/// The text of each page without white space, because a line may break between any two words.
fn pages(pdf: &[u8]) -> Vec<String> {
    let file = lopdf::Document::load_mem(pdf).expect("a PDF");
    file.get_pages().into_keys().map(|page| squeezed(&file.extract_text(&[page]).expect("text"))).collect()
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

fn set(document: &Document) -> Vec<String> {
    pages(&typesetter().pdf(document).expect("laid out"))
}

/// The `texts` that `page` lacks.
fn missing<'a>(page: &str, texts: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    texts.into_iter().filter(|text| !page.contains(&squeezed(text))).collect()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().copied().map(String::from).collect()
}

fn fact(label: &str, value: &str) -> Fact {
    Fact { label: label.into(), value: value.into() }
}

fn method(name: &str, instructions: &[&str]) -> Method {
    Method { name: name.into(), instructions: texts(instructions) }
}

fn line(number: usize) -> Line {
    Line {
        number: number.to_string(),
        description: format!("Example Tracker Data Center, {number}00 users"),
        details: texts(&["New subscription, 12 months from 22 November 2026", "Site tracker.example.com"]),
        steps: vec![fact("List price", "USD 270.00"), fact(&format!("Discount on line {number};"), "−USD 135.00")],
        quantity: "1".into(),
        price: format!("USD {number}.00"),
        amount: format!("USD {number}.00"),
    }
}

/// The address of the payment page.
const PAY: &str = "https://pay.example.com/Q-7KQ4-M9XTC?secret=k1.0123456789abcdef0123456789abcdef0123456789abcdef";

fn quote(lines: usize) -> Document {
    Document {
        language: "en".into(),
        direction: Direction::LeftToRight,
        title: "Quote Q-7KQ4-M9XTC".into(),
        kind: Kind::Quote,
        number: "Q-7KQ4-M9XTC".into(),
        accent: "#0f5c6e".into(),
        summary: Some(Summary {
            label: "Amount to pay".into(),
            amount: kept("USD 25,920.00"),
            deadline: Some(fact("Pay by", &kept("22 December 2026"))),
            online: Some(Online::new("View and pay online", PAY, "or scan")),
        }),
        facts: vec![
            fact("Issued", "22 November 2026"),
            fact("Valid through", "22 December 2026"),
            fact("Currency", "USD – US dollar"),
            fact("Purchase order", "PO-2026-00417"),
        ],
        seller: Party {
            heading: "Seller".into(),
            lines: texts(&["Example Software Ltd", "1 Example Street, Exampletown", "VAT GB 123 4567 89"]),
        },
        bill_to: Party {
            heading: "Bill to".into(),
            lines: texts(&["Example Reseller GmbH", "Musterstraße 12", "10115 Berlin", "VAT DE 123456789"]),
        },
        licensee: Party { heading: "Licensee".into(), lines: texts(&["Example University of Łódź", "90-001 Łódź"]) },
        table: Table {
            heading: "What you buy".into(),
            columns: Columns {
                line: "Line".into(),
                description: "Description".into(),
                quantity: "Quantity".into(),
                price: "Price".into(),
                amount: "Amount".into(),
            },
            lines: (1..=lines).map(line).collect(),
        },
        totals: [("Net", "USD 21,600.00"), ("VAT 20 %", "USD 4,320.00"), ("Total due", "USD 25,920.00")]
            .map(|(label, amount)| Total { label: label.into(), amount: amount.into(), strong: label == "Total due" })
            .into(),
        payment: Some(Payment {
            heading: "How to pay".into(),
            introduction: "Choose one of these ways and state Q-7KQ4-M9XTC.".into(),
            methods: vec![
                method("Card", &["Pay at", "https://pay.example.com/quotes/Q-7KQ4-M9XTC"]),
                method(
                    "Bank transfer",
                    &[
                        "Example Bank, Exampletown",
                        "IBAN GB00 EXAM 0000 0000 0000 00",
                        "BIC EXAMGB00XXX",
                        "Account holder Example Software Ltd",
                        "Reference Q-7KQ4-M9XTC",
                    ],
                ),
                method("ACH", &["Routing number 000000000", "Account number 000123456789", "State Q-7KQ4-M9XTC."]),
                method("Check", &["Payable to Example Software Ltd", "PO Box 100, Exampletown, EX 12345, USA"]),
                method("Net 30", &["Send a purchase order that names Q-7KQ4-M9XTC to orders@example.com."]),
                method("Wallet", &["https://pay.example.com/wallet/Q-7KQ4-M9XTC"]),
            ],
        }),
        notes: Some(Notes { heading: "Terms".into(), text: "Prices hold until the date above.\nSee example.com.".into() }),
        footer: texts(&["Example Software Ltd, registered in England and Wales no. 01234567"]),
        page_label: "Page {page} of {pages}".into(),
    }
}

fn japanese() -> Document {
    Document {
        language: "ja".into(),
        title: "御見積書 Q-7KQ4-M9XTC".into(),
        facts: vec![fact("発行日", "2026年11月22日"), fact("有効期限", "2026年12月22日"), fact("通貨", "JPY（日本円）")],
        seller: Party { heading: "販売者".into(), lines: texts(&["Example Software Ltd", "登録番号 T0000000000000"]) },
        bill_to: Party {
            heading: "請求先".into(),
            lines: texts(&["株式会社サンプル商事", "東京都千代田区千代田1丁目1番1号", "髙橋 花子 様", "﨑山 太郎 様"]),
        },
        licensee: Party {
            heading: "使用者".into(), lines: texts(&["学校法人サンプル大学", "大阪府大阪市北区"])
        },
        payment: Some(Payment {
            heading: "お支払い方法".into(),
            introduction: "お振込の際は、見積番号「Q-7KQ4-M9XTC」をご記入ください。".into(),
            methods: vec![method("銀行振込", &["サンプル銀行 丸の内支店（001）", "口座名義：エグザンプル（ｶ"])],
        }),
        page_label: "{page} / {pages} ページ".into(),
        ..quote(2)
    }
}

/// Everything that R23 requires on page 1.
fn wanted_on_page_1(document: &Document) -> Vec<&str> {
    let facts = document.facts.iter().flat_map(|fact| [&fact.label, &fact.value]);
    let parties = [&document.seller, &document.bill_to, &document.licensee];
    let parties = parties.into_iter().flat_map(|party| party.lines.iter().chain([&party.heading]));
    let totals = document.totals.iter().flat_map(|total| [&total.label, &total.amount]);
    let methods = document.payment.iter().flat_map(|payment| &payment.methods);
    let methods = methods.flat_map(|method| method.instructions.iter().chain([&method.name]));
    facts.chain(parties).chain(totals).chain(methods).chain([&document.number, &document.title]).map(String::as_str).collect()
}

#[test]
fn r23_page_1_has_everything_a_payer_needs_for_any_number_of_lines() {
    for document in [quote(1), quote(2), quote(7), quote(12), quote(13), quote(100), japanese()] {
        let pages = set(&document);
        let missing = missing(&pages[0], wanted_on_page_1(&document));
        assert!(missing.is_empty(), "{} lines: page 1 lacks {missing:?}", document.table.lines.len());
    }
}

#[test]
fn r23_long_instructions_stay_on_page_1() {
    let mut document = quote(100);
    let methods = &mut document.payment.as_mut().expect("a quote is paid").methods;
    for (n, method) in methods.iter_mut().enumerate() {
        method.instructions =
            (0..5).map(|i| format!("Method {n} step {i}: {}", "a rather long winded text ".repeat(5))).collect();
    }
    assert_eq!(missing(&set(&document)[0], wanted_on_page_1(&document)), [""; 0]);
}

#[test]
fn a_short_quote_fits_on_one_page_and_reads_in_the_usual_order() {
    let pages = set(&quote(1));
    let [page] = pages.as_slice() else { panic!("{} pages", pages.len()) };
    let order = ["Licensee", "Description", "Net", "Howtopay", "Terms"].map(|text| page.find(text));
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?}");
}

#[test]
fn a_long_table_flows_with_its_header_and_loses_no_line() {
    let document = quote(100);
    let pages = set(&document);
    assert!(pages.len() > 5);
    for (index, page) in pages.iter().enumerate() {
        assert_eq!(missing(page, ["Line", "Description", "Amount", "Q-7KQ4-M9XTC"]), [""; 0], "page {}", index + 1);
        assert_eq!(missing(page, [format!("Page {} of {}", index + 1, pages.len()).as_str()]), [""; 0]);
    }
    for line in &document.table.lines {
        let page = pages.iter().find(|page| page.contains(&squeezed(&line.description))).expect("every line is printed");
        let rest = line.steps.iter().map(|step| step.label.as_str()).chain([line.amount.as_str()]);
        assert_eq!(missing(page, rest), [""; 0], "line {} is split", line.number);
    }
}

#[test]
fn a_line_longer_than_a_page_continues_on_the_next_page() {
    let mut document = quote(1);
    document.table.lines[0].details = (0..200).map(|n| format!("Detail {n} of the line")).collect();
    let pages = set(&document);
    let page_of = |n: usize| pages.iter().position(|page| page.contains(&format!("Detail{n}oftheline")));
    assert!((0..200).all(|n| page_of(n).is_some()));
    assert!(page_of(199) > page_of(0), "the line runs off its page");
}

#[test]
fn d3_a_quote_of_four_lines_shows_them_before_their_total() {
    let pages = set(&quote(4));
    let text = pages.concat();
    let order =
        ["Exampletrackerdatacenter,400users", "totaldue"].map(|text_of| text.to_lowercase().find(&text_of.to_lowercase()));
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?} on {} pages", pages.len());
}

#[test]
fn d3_a_long_quote_ends_with_its_total_and_every_page_says_what_it_continues() {
    let document = quote(60);
    let pages = set(&document);
    let (last, continued) = (pages.last().expect("pages"), &pages[1..]);
    let totals: Vec<_> = document.totals.iter().map(|total| format!("{}{}", total.label, total.amount)).collect();
    assert_eq!(missing(last, totals.iter().map(String::as_str)), [""; 0], "{last}");
    assert!(continued.len() > 2);
    for page in continued {
        assert_eq!(missing(page, [&*document.title, "Example Software Ltd"]), [""; 0], "{page}");
    }
}

#[test]
fn d1_button_and_code_open_the_payment_page_and_so_does_an_address_in_a_text() {
    let mut document = quote(1);
    let written = "https://vendor.example/a-long-address/that-takes/more-than-one-line/of-its-column?and=so&on=1";
    document.payment.as_mut().expect("a quote is paid").methods[0].instructions = texts(&["Open", written]);
    let pdf = typesetter().pdf(&document).expect("laid out");
    let addresses = links(&pdf);
    assert_eq!(addresses.iter().filter(|address| *address == PAY).count(), 2, "button and code: {addresses:?}");
    assert!(addresses.iter().any(|address| address == written), "{addresses:?}");
    assert!(claims_pdf_ua(&pdf), "a screen reader finds the links");
}

/// The addresses that a click on the PDF opens.
fn links(pdf: &[u8]) -> Vec<String> {
    let file = lopdf::Document::load_mem(pdf).expect("a PDF");
    let address = |entry: &Dictionary| entry.get(b"URI").and_then(Object::as_str).ok().map(<[u8]>::to_vec);
    let actions =
        dictionaries(&file).filter_map(|entry| address(entry).or_else(|| address(entry.get(b"A").ok()?.as_dict().ok()?)));
    actions.map(|address| String::from_utf8(address).expect("ASCII")).collect()
}

/// The code has the three finder patterns, and only its size and modules depend on the address. That phones read the code was
/// checked once with OpenCV's decoder.
#[test]
fn d1_the_code_is_drawn_as_squares_of_a_qr_code() {
    let svg = Online::new("Pay", PAY, "or scan").code.expect("the address fits");
    let dark = |x: usize, y: usize| svg.contains(&format!("M{x} {y}h1v1h-1z"));
    let size: usize =
        svg.split("0 0 ").nth(1).and_then(|rest| rest.split(' ').next()).and_then(|n| n.parse().ok()).expect("a size");
    assert!(size >= 21 && (size - 17).is_multiple_of(4), "{size} is not the size of a QR code");
    for (left, top) in [(0, 0), (size - 7, 0), (0, size - 7)] {
        for (x, y) in (0..7).flat_map(|y| (0..7).map(move |x| (x, y))) {
            let ring = x.min(y).min(6 - x).min(6 - y);
            assert_eq!(dark(left + x, top + y), ring != 1, "module {x}, {y} of a finder pattern");
        }
    }
    assert_eq!(Online::new("Pay", &"x".repeat(4_000), "or scan").code, None, "no code can hold it");
}

#[test]
fn d1_what_people_type_or_copy_never_wraps() {
    let mut document = quote(1);
    let values = ["Q-WRAP-R8C2H", "USD 71,935.50", "GB00 EXMP 0000 0000 0000 00", "30 November 2026"];
    // Words of growing length before a value put it at every place of a line.
    let sentence = |n: usize| values.map(|value| format!("{} {}", "x".repeat(n % 40 + 1), kept(value))).join(" and then ");
    document.notes = Some(Notes { heading: "Terms".into(), text: (0..40).map(sentence).collect::<Vec<_>>().join("\n") });
    let pdf = typesetter().pdf(&document).expect("laid out");
    let file = lopdf::Document::load_mem(&pdf).expect("a PDF");
    let all: Vec<_> = file.get_pages().into_keys().collect();
    let text = file.extract_text(&all).expect("text");
    for value in values {
        // A space that the layout put at the end of a line is not in the text.
        let whole = text.lines().filter(|line| squeezed(line).contains(&squeezed(value))).count();
        let found = squeezed(&text).matches(&squeezed(value)).count();
        assert!(found >= 40, "{value} is there {found} times");
        assert!(whole >= 40 && !text.contains('\u{2068}'), "{value} is on one line {whole} of {found} times");
    }
}

#[test]
fn b25_names_in_eight_scripts_are_printed() {
    let names = [
        "Łódź Übergrößenträger",
        "Ελληνική Εταιρεία",
        "Общество Пример",
        "株式会社サンプル 示例公司 한국회사",
        "شركة المثال للبرمجيات",
        "חברה לדוגמה",
        "บริษัท ตัวอย่าง จำกัด",
        "उदाहरण कंपनी",
    ];
    for direction in [Direction::LeftToRight, Direction::RightToLeft] {
        let mut document = quote(1);
        document.direction = direction;
        document.language = if direction == Direction::RightToLeft { "ar".into() } else { "en".into() };
        document.bill_to.lines = names.map(|name| isolated(name, direction)).into();
        let typesetter = typesetter();
        let pdf = typesetter.pdf(&document).expect("laid out");
        assert!(claims_pdf_ua(&pdf), "a text without a glyph cannot conform");
        assert!(typesetter.unprintable(&document).is_empty());
    }
}

#[test]
fn an_invoice_may_have_no_payment_and_no_notes() {
    let document = Document { kind: Kind::Invoice, summary: None, payment: None, notes: None, ..quote(2) };
    let pages = set(&document);
    assert_eq!(missing(&pages[0], wanted_on_page_1(&document)), [""; 0]);
    assert!(!pages[0].contains("Howtopay") && !pages[0].contains("Terms"));
}

#[test]
fn the_same_document_is_the_same_bytes() {
    let first = typesetter().pdf(&quote(3)).expect("laid out");
    typesetter().pdf(&japanese()).expect("laid out");
    assert!(first == typesetter().pdf(&quote(3)).expect("laid out"));
    assert!(!first.windows(12).any(|window| window == b"CreationDate"));
}

#[test]
fn threads_share_a_typesetter() {
    let typesetter = typesetter();
    let alone = typesetter.pdf(&quote(1)).expect("laid out");
    std::thread::scope(|scope| {
        let others = [(); 2].map(|()| scope.spawn(|| typesetter.pdf(&quote(1)).expect("laid out")));
        assert!(others.into_iter().all(|other| other.join().expect("laid out") == alone));
    });
}

#[test]
fn texts_are_printed_and_never_run() {
    let hostile = [
        "#panic()",
        "*x* _y_ `z` $a$ = b",
        r#"#read("/etc/passwd") #import "@preview/example:1.0.0""#,
        r"\u{41} \ // comment /* comment */ <label> @reference ~ -- ---",
        r#"")] #{ while true {} } ["#,
        "{page} of {pages}",
    ];
    let mut document = quote(1);
    document.title = hostile[0].into();
    document.number = hostile[1].into();
    document.bill_to.lines = texts(&hostile);
    document.table.lines[0].description = hostile[2].into();
    document.notes = Some(Notes { heading: hostile[1].into(), text: hostile.join("\n") });
    let page = &set(&document)[0];
    assert_eq!(missing(page, hostile), [""; 0]);
    assert!(!page.contains("root:"));
}

#[test]
fn long_words_do_not_run_out_of_their_column() {
    let mut document = quote(1);
    document.bill_to.lines = vec!["W".repeat(150), format!("https://example.com/{}", "long/".repeat(30))];
    document.licensee.lines = vec!["Licensee University".into()];
    let pdf = typesetter().pdf(&document).expect("laid out");
    // The column is some 51 mm wide, a W in small print 2 mm.
    let widest = longest_run_of_w(&pdf);
    assert!((1..=24).contains(&widest), "{widest} in one run");
    assert_eq!(missing(&pages(&pdf)[0], document.bill_to.lines.iter().map(String::as_str)), [""; 0]);
}

/// The length of the longest run of Ws on page 1.
fn longest_run_of_w(pdf: &[u8]) -> usize {
    let text = lopdf::Document::load_mem(pdf).and_then(|file| file.extract_text(&[1])).expect("text");
    text.lines().map(|line| line.matches('W').count()).max().unwrap_or_default()
}

#[test]
fn japanese_is_printed_with_real_glyphs() {
    let document = japanese();
    let pdf = typesetter().pdf(&document).expect("laid out");
    assert_eq!(missing(&pages(&pdf)[0], ["髙橋花子様", "﨑山太郎様", "エグザンプル（ｶ", "1/1ページ"]), [""; 0]);
    assert!(claims_pdf_ua(&pdf), "a text without a glyph cannot conform");
}

#[test]
fn names_from_many_countries_have_glyphs() {
    let mut document = quote(1);
    document.bill_to.lines = texts(&[
        "Łódź Đorđević Ñandú Þór Ștefan",
        "Ελληνικά Кириллица Ґанок",
        "株式会社 한국전자 软件公司 軟體公司",
        "€ £ ¥ ₹ ₺ ₽ ₩ ₿ №",
    ]);
    let pdf = typesetter().pdf(&document).expect("laid out");
    assert!(claims_pdf_ua(&pdf), "a text without a glyph cannot conform");
    assert_eq!(missing(&pages(&pdf)[0], document.bill_to.lines.iter().map(String::as_str)), [""; 0]);
}

#[test]
fn a_character_without_a_glyph_does_not_stop_a_document() {
    let mut document = quote(1);
    document.licensee.lines.push("Example 🦀 \u{7} ‏شركة".into());
    assert_eq!(typesetter().unprintable(&document), ['🦀'], "Arabic is printed");
    let pdf = typesetter().pdf(&document).expect("laid out");
    assert!(!claims_pdf_ua(&pdf), "an empty box is not accessible");
    assert_eq!(missing(&pages(&pdf)[0], wanted_on_page_1(&quote(1))), [""; 0]);
}

#[test]
fn screen_readers_find_title_language_headings_and_a_table_with_header_cells() {
    for (document, language) in [(quote(100), "en"), (japanese(), "ja")] {
        let pdf = typesetter().pdf(&document).expect("laid out");
        assert!(claims_pdf_ua(&pdf));
        let file = lopdf::Document::load_mem(&pdf).expect("a PDF");
        let catalog = file.catalog().expect("a catalog");
        assert_eq!(catalog.get(b"Lang").and_then(Object::as_str).expect("a language"), language.as_bytes());
        let roles: BTreeSet<_> = dictionaries(&file)
            .filter_map(|entry| entry.get(b"S").and_then(Object::as_name).ok())
            .map(String::from_utf8_lossy)
            .collect();
        for role in ["Title", "H1", "Table", "TH", "TD", "P"] {
            assert!(roles.contains(role), "no {role} among {roles:?}");
        }
    }
}

fn dictionaries(file: &lopdf::Document) -> impl Iterator<Item = &Dictionary> {
    file.objects.values().filter_map(|object| object.as_dict().ok())
}

/// Whether the PDF's metadata claims conformance to PDF/UA-1. The exporter writes the claim only after a successful check.
fn claims_pdf_ua(pdf: &[u8]) -> bool {
    let file = lopdf::Document::load_mem(pdf).expect("a PDF");
    file.objects.values().filter_map(|object| object.as_stream().ok()).any(|stream| {
        let content = stream.get_plain_content().unwrap_or_default();
        String::from_utf8_lossy(&content).contains("pdfuaid:part")
    })
}

#[test]
fn a_template_with_an_error_is_refused_with_line_column_and_hint() {
    let broken = TEMPLATE.replace("#let party(who) = {", "#let party(who) = {\n  data.licencee");
    let line = 1 + broken.lines().position(|line| line.contains("data.licencee")).expect("it is there");
    let error = Typesetter::new(&broken).expect_err("there is no such field");
    assert_eq!(error.diagnostics[0].place.map(|place| place.line), Some(line));
    assert!(error.to_string().contains(&format!("line {line}, column 8: dictionary does not contain key")), "{error}");

    let error = Typesetter::new("= Title\n  #let x = 1\n  #y-x").expect_err("y is unknown");
    assert_eq!(error.diagnostics[0].place, Some(Place { line: 3, column: 4 }));
    assert!(error.diagnostics[0].hints.iter().any(|hint| hint.contains("minus")), "{error}");
    assert!(error.to_string().contains("hint: "), "{error}");
}

#[test]
fn every_syntax_error_is_reported_at_once() {
    let error = Typesetter::new("#let = 1\n\n#(1 + )\n").expect_err("two errors");
    let lines: BTreeSet<_> = error.diagnostics.iter().filter_map(|diagnostic| Some(diagnostic.place?.line)).collect();
    assert_eq!(lines, BTreeSet::from([1, 3]), "{error}");
}

#[test]
fn a_template_that_requires_an_optional_part_is_refused() {
    let error = Typesetter::new(r#"#json("document.json").payment.heading"#).expect_err("an invoice has no payment");
    assert_eq!(error.diagnostics.len(), 1 + 1, "it also has no title: {error}");
}

#[test]
fn a_template_with_an_unknown_font_or_without_a_title_is_refused() {
    let unknown = TEMPLATE.replace("\"Noto Sans\",", "\"Example Grotesk\",");
    let error = Typesetter::new(&unknown).expect_err("there is no such font");
    assert!(error.to_string().contains("unknown font family: example grotesk"), "{error}");

    let untitled = TEMPLATE.replace("#set document(title: data.title, date: none)", "");
    let error = Typesetter::new(&untitled).expect_err("a screen reader needs a title");
    assert!(error.to_string().contains("title"), "{error}");
}

#[test]
fn b25_a_vendor_s_logo_and_fonts_are_used_and_a_file_that_is_no_font_is_reported() {
    let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 30 10"><path fill="#123456" d="M0 0h30v10h-30z"/></svg>"##;
    let logo = Brand { logo: Some(svg.into()), fonts: Vec::new() };
    let pdf = Typesetter::branded(TEMPLATE, logo).expect("the logo is an SVG").pdf(&quote(1)).expect("laid out");
    assert!(claims_pdf_ua(&pdf), "the logo has a text for screen readers");
    assert!(pdf != typesetter().pdf(&quote(1)).expect("laid out"), "the logo is printed");

    let broken = Brand { logo: None, fonts: vec![("documents/brand.ttf".into(), b"no font".to_vec())] };
    let error = Typesetter::branded(TEMPLATE, broken).expect_err("it is no font");
    assert!(error.to_string().contains("documents/brand.ttf is not a font"), "{error}");

    let own = include_bytes!("../fonts/NotoSansThai-Regular.ttf").to_vec();
    let fonts = vec![("documents/brand.ttf".into(), own)];
    Typesetter::branded(TEMPLATE, Brand { logo: None, fonts }).expect("a font is accepted");
}

#[test]
fn a_template_reads_no_file_no_package_and_no_clock() {
    for attempt in [
        r#"#read("/etc/passwd")"#,
        r#"#read("document.typ")"#,
        r#"#image("logo.png")"#,
        r#"#include "other.typ""#,
        r#"#import "@preview/example:1.0.0": *"#,
        "#datetime.today().display()",
    ] {
        let error = Typesetter::new(attempt).expect_err(attempt);
        assert_eq!(error.diagnostics[0].place.map(|place| place.line), Some(1), "{error}");
    }
}

#[test]
fn a_document_that_the_template_cannot_lay_out_is_an_error_with_a_place() {
    let picky = TEMPLATE.replace("#let label(body)", "#assert(data.facts.len() < 3, message: \"too many\")\n#let label(body)");
    let error = Typesetter::new(&picky).expect("the samples have few facts").pdf(&quote(1)).expect_err("four facts");
    let line = 1 + picky.lines().position(|line| line.starts_with("#assert")).expect("it is there");
    assert_eq!(error.diagnostics[0].place.map(|place| place.line), Some(line), "{error}");
    assert!(error.to_string().contains("too many"), "{error}");
}
