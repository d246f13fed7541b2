//! The two faces that reports are set in, and how wide text is in them.

use crate::ReportError;
use ttf_parser::GlyphId;

static REGULAR: &[u8] = include_bytes!("../../fonts/DejaVuSans.ttf");
static BOLD: &[u8] = include_bytes!("../../fonts/DejaVuSans-Bold.ttf");

/// Stands for what a face cannot show; the other forms of the report hold the character itself.
const REPLACEMENT: char = '\u{fffd}';

/// Regular or bold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    Regular,
    Bold,
}

impl Weight {
    /// Both of them.
    pub const BOTH: [Weight; 2] = [Weight::Regular, Weight::Bold];
}

/// Both faces.
pub struct Faces {
    regular: Face,
    bold: Face,
}

/// One face.
pub struct Face {
    /// The whole font file.
    pub bytes: &'static [u8],
    /// Its name as documents call it.
    pub name: &'static str,
    /// The same, taken apart.
    pub parsed: ttf_parser::Face<'static>,
}

impl Faces {
    pub fn load() -> Result<Faces, ReportError> {
        Ok(Faces { regular: Face::of(REGULAR, "DejaVuSans")?, bold: Face::of(BOLD, "DejaVuSans-Bold")? })
    }

    pub const fn of(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}

impl Face {
    fn of(bytes: &'static [u8], name: &'static str) -> Result<Face, ReportError> {
        let parsed = ttf_parser::Face::parse(bytes, 0)
            .map_err(|error| ReportError::Pdf(format!("the font {name} is damaged: {error}")))?;
        Ok(Face { bytes, name, parsed })
    }

    /// The text as this face can show it.
    pub fn shown(&self, text: &str) -> String {
        text.chars()
            .filter_map(|character| match character {
                '\u{feff}' | '\u{fffe}' | '\0' => None,
                character if character.is_control() => Some(' '),
                character if self.has(character) => Some(character),
                _ => Some(REPLACEMENT),
            })
            .collect()
    }

    fn has(&self, character: char) -> bool {
        // What is private means nothing to whoever reads the document aloud.
        let private = ('\u{e000}'..='\u{f8ff}').contains(&character) || character >= '\u{f0000}';
        !private && self.glyph(character).0 != 0
    }

    /// Its glyph; that of "missing" where it has none.
    pub fn glyph(&self, character: char) -> GlyphId {
        self.parsed.glyph_index(character).unwrap_or_default()
    }

    /// How wide it is, in ems. One glyph a character: no ligatures, no kerning.
    pub fn width(&self, text: &str) -> f32 {
        text.chars().map(|character| self.advance(character)).sum()
    }

    pub fn advance(&self, character: char) -> f32 {
        let units = self.parsed.glyph_hor_advance(self.glyph(character)).unwrap_or_default();
        f32::from(units) / f32::from(self.parsed.units_per_em())
    }
}
