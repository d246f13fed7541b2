//! Fonts as a document carries them: only the glyphs that it shows, and which character each of them is.

use super::draw::{Refs, packed};
use super::face::{Face, Faces, Weight};
use super::layout::Layout;
use crate::ReportError;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Finish as _, Name, Pdf, Rect, Ref, Str};
use std::collections::BTreeMap;
use subsetter::GlyphRemapper;

/// Glyphs are numbered as the font does it.
const IDENTITY: SystemInfo<'_> =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// A font in the document.
pub struct Embedded {
    pub id: Ref,
    /// The number of each character's glyph, as text is written.
    numbers: BTreeMap<char, u16>,
}

impl Embedded {
    /// Text as it is written in this font.
    pub fn encoded(&self, text: &str) -> Vec<u8> {
        text.chars()
            .flat_map(|character| self.numbers.get(&character).copied().unwrap_or_default().to_be_bytes())
            .collect()
    }
}

/// Names by which pages call them.
pub const fn name(weight: Weight) -> Name<'static> {
    match weight {
        Weight::Regular => Name(b"F1"),
        Weight::Bold => Name(b"F2"),
    }
}

/// Embeds what the layout shows of a face.
pub fn embed(
    pdf: &mut Pdf,
    refs: &mut Refs,
    layout: &Layout,
    faces: &Faces,
    weight: Weight,
) -> Result<Embedded, ReportError> {
    let face = faces.of(weight);
    let shown = layout.pieces.iter().filter(|piece| piece.weight == weight);
    let characters: std::collections::BTreeSet<char> = shown.flat_map(|piece| piece.text.chars()).collect();
    let mut remapper = GlyphRemapper::new();
    let numbers: BTreeMap<char, u16> = characters
        .into_iter()
        .map(|character| (character, remapper.remap(face.glyph(character).0)))
        .collect();
    let subset = subsetter::subset(face.bytes, 0, &remapper)
        .map_err(|error| ReportError::Pdf(format!("the font {} is damaged: {error}", face.name)))?;
    let font = Embedded { id: refs.next(), numbers };
    write(pdf, refs, face, weight, &font, &subset);
    Ok(font)
}

fn write(pdf: &mut Pdf, refs: &mut Refs, face: &Face, weight: Weight, font: &Embedded, subset: &[u8]) {
    let [cid, descriptor, file, unicode] = [refs.next(), refs.next(), refs.next(), refs.next()];
    // Six letters mark a part of a font; they tell the two parts of one document from each other.
    let mark = match weight {
        Weight::Regular => "VSREGA",
        Weight::Bold => "VSBOLD",
    };
    let called = format!("{mark}+{}", face.name);
    let called = Name(called.as_bytes());
    let per_mille = |units: f32| units * 1_000.0 / f32::from(face.parsed.units_per_em());

    pdf.type0_font(font.id)
        .base_font(called)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(cid)
        .to_unicode(unicode);

    let mut by_number: Vec<(u16, char)> =
        font.numbers.iter().map(|(character, number)| (*number, *character)).collect();
    by_number.sort_unstable();
    let mut cid_font = pdf.cid_font(cid);
    cid_font.subtype(CidFontType::Type2).base_font(called).system_info(IDENTITY).font_descriptor(descriptor);
    cid_font.default_width(0.0).cid_to_gid_map_predefined(Name(b"Identity"));
    let mut widths = cid_font.widths();
    for (number, character) in &by_number {
        widths.consecutive(*number, [face.advance(*character) * 1_000.0]);
    }
    widths.finish();
    cid_font.finish();

    let bounds = face.parsed.global_bounding_box();
    let edge = |units: i16| per_mille(f32::from(units));
    pdf.font_descriptor(descriptor)
        .name(called)
        .flags(FontFlags::NON_SYMBOLIC)
        .bbox(Rect::new(edge(bounds.x_min), edge(bounds.y_min), edge(bounds.x_max), edge(bounds.y_max)))
        .italic_angle(0.0)
        .ascent(edge(face.parsed.ascender()))
        .descent(edge(face.parsed.descender()))
        .cap_height(edge(face.parsed.capital_height().unwrap_or_default()))
        .stem_v(match weight {
            Weight::Regular => 80.0,
            Weight::Bold => 140.0,
        })
        .font_file2(file);

    let bytes = packed(subset);
    let mut stream = pdf.stream(file, &bytes);
    stream.filter(Filter::FlateDecode);
    stream.pair(Name(b"Length1"), i32::try_from(subset.len()).unwrap_or(i32::MAX));
    stream.finish();

    let mut cmap = UnicodeCmap::<u16>::new(Name(b"Custom"), IDENTITY);
    for (number, character) in by_number {
        cmap.pair(number, character);
    }
    let cmap = packed(cmap.finish().as_slice());
    pdf.cmap(unicode, &cmap).filter(Filter::FlateDecode);
}
