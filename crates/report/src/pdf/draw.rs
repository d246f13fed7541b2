//! Writes what `layout` placed: pages, and the tree that says what everything on them is.

use super::face::{Faces, Weight};
use super::fonts::{self, Embedded};
use super::layout::{Child, Layout, Node, Ornament, PAGE, Part, Piece, Rule};
use super::metadata;
use crate::{Report, ReportError};
use pdf_writer::types::{
    ArtifactAttachment, ArtifactSubtype, ArtifactType, StructRole, TabOrder, TableHeaderScope,
};
use pdf_writer::{Content, Filter, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};

/// The language that reports are written in.
pub const LANGUAGE: &str = "en";
const MARGIN: f32 = 48.0;

/// Numbers of the document's objects.
#[derive(Debug, Default)]
pub struct Refs(i32);

impl Refs {
    pub fn next(&mut self) -> Ref {
        self.0 += 1;
        Ref::new(self.0)
    }
}

/// Compressed, the same bytes for the same bytes.
pub fn packed(bytes: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(bytes, 6)
}

/// The document.
pub fn draw(report: &Report, layout: &Layout, faces: &Faces) -> Result<Vec<u8>, ReportError> {
    let mut pdf = Pdf::new();
    pdf.set_version(1, 7);
    let mut refs = Refs::default();
    let (catalog, pages, xmp, info) = (refs.next(), refs.next(), refs.next(), refs.next());
    let (tree, outline) = (refs.next(), refs.next());
    let sheets: Vec<Ref> = (0..layout.pages).map(|_| refs.next()).collect();
    let [regular, bold] = [
        fonts::embed(&mut pdf, &mut refs, layout, faces, Weight::Regular)?,
        fonts::embed(&mut pdf, &mut refs, layout, faces, Weight::Bold)?,
    ];
    let font = |weight| match weight {
        Weight::Regular => &regular,
        Weight::Bold => &bold,
    };

    let mut root = pdf.catalog(catalog);
    root.pages(pages).outlines(outline).metadata(xmp).lang(TextStr(LANGUAGE));
    root.viewer_preferences().display_doc_title(true);
    root.mark_info().marked(true).suspects(false);
    root.pair(Name(b"StructTreeRoot"), tree);
    root.finish();
    pdf.pages(pages).kids(sheets.iter().copied()).count(count(sheets.len()));

    let mut marks = Marks { places: vec![None; layout.pieces.len()], owners: vec![Vec::new(); layout.pages] };
    for (number, sheet) in sheets.iter().enumerate() {
        let content = page(layout, number, &mut marks, &font);
        let stream = refs.next();
        pdf.stream(stream, &packed(&content)).filter(Filter::FlateDecode);
        let mut page = pdf.page(*sheet);
        page.parent(pages).media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).contents(stream);
        page.struct_parents(count(number)).tab_order(TabOrder::StructureOrder);
        let mut resources = page.resources();
        let mut named = resources.fonts();
        for weight in Weight::BOTH {
            named.pair(fonts::name(weight), font(weight).id);
        }
    }
    structure(&mut pdf, &mut refs, tree, layout, &sheets, &mut marks);
    outlines(&mut pdf, &mut refs, outline, layout, &sheets);
    metadata::write(&mut pdf, xmp, info, report);
    Ok(pdf.finish())
}

/// Where the pieces of text are marked on their pages, and whose they are.
struct Marks {
    /// Of each piece that is read: its number on its page.
    places: Vec<Option<i32>>,
    /// Of each page: the owners of its marks, in the order of their numbers.
    owners: Vec<Vec<Option<Ref>>>,
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn page<'f>(
    layout: &Layout,
    number: usize,
    marks: &mut Marks,
    font: &impl Fn(Weight) -> &'f Embedded,
) -> Vec<u8> {
    let mut content = Content::new();
    for rule in layout.rules.iter().filter(|rule| rule.page == number) {
        draw_rule(&mut content, *rule);
    }
    let pieces = layout.pieces.iter().enumerate().filter(|(_, piece)| piece.page == number);
    for (at, piece) in pieces {
        match piece.ornament {
            None => {
                let Some(owners) = marks.owners.get_mut(number) else { continue };
                let mark = count(owners.len());
                owners.push(None);
                if let Some(place) = marks.places.get_mut(at) {
                    *place = Some(mark);
                }
                content.begin_marked_content_with_properties(Name(b"Span")).properties().identify(mark);
            }
            Some(ornament) => {
                let mut tag = content.begin_marked_content_with_properties(Name(b"Artifact"));
                let mut artifact = tag.properties().artifact();
                artifact.kind(ArtifactType::Pagination);
                if ornament == Ornament::PageNumber {
                    artifact.subtype(ArtifactSubtype::Footer).attached([ArtifactAttachment::Bottom]);
                }
            }
        }
        draw_piece(&mut content, piece, font(piece.weight));
        content.end_marked_content();
    }
    content.finish().into_vec()
}

fn draw_piece(content: &mut Content, piece: &Piece, font: &Embedded) {
    content
        .begin_text()
        .set_fill_gray(if piece.grey { 0.38 } else { 0.08 })
        .set_font(fonts::name(piece.weight), piece.size)
        .set_text_matrix([1.0, 0.0, 0.0, 1.0, piece.x, PAGE.1 - piece.baseline])
        .show(Str(&font.encoded(&piece.text)))
        .end_text();
}

fn draw_rule(content: &mut Content, rule: Rule) {
    let (height, grey) = if rule.strong { (0.9, 0.31) } else { (0.4, 0.72) };
    content
        .begin_marked_content_with_properties(Name(b"Artifact"))
        .properties()
        .artifact()
        .kind(ArtifactType::Layout);
    content
        .set_fill_gray(grey)
        .rect(MARGIN, PAGE.1 - rule.y - height, PAGE.0 - 2.0 * MARGIN, height)
        .fill_nonzero()
        .end_marked_content();
}

/// The tree, and for each page which of its nodes the marks belong to.
fn structure(pdf: &mut Pdf, refs: &mut Refs, tree: Ref, layout: &Layout, sheets: &[Ref], marks: &mut Marks) {
    let document = refs.next();
    let mut writing = Writing { pdf, refs, layout, sheets, marks };
    let children: Vec<Ref> = layout.nodes.iter().map(|node| writing.node(node, document)).collect();
    let mut element = pdf.struct_element(document);
    element.kind(StructRole::Document).parent(tree);
    let mut list = element.children();
    for child in children {
        list.struct_element(child);
    }
    list.finish();
    element.finish();

    let mut lists = Vec::new();
    for owners in &marks.owners {
        let list = refs.next();
        pdf.indirect(list).array().items(owners.iter().copied().flatten());
        lists.push(list);
    }
    let mut root = pdf.indirect(tree).start::<pdf_writer::writers::StructTreeRoot<'_>>();
    root.child(document);
    let mut parents = root.parent_tree();
    let mut numbers = parents.nums();
    for (number, list) in lists.iter().enumerate() {
        numbers.insert(count(number), *list);
    }
    numbers.finish();
    parents.finish();
    root.parent_tree_next_key(count(lists.len()));
}

struct Writing<'w> {
    pdf: &'w mut Pdf,
    refs: &'w mut Refs,
    layout: &'w Layout,
    sheets: &'w [Ref],
    marks: &'w mut Marks,
}

/// What an element consists of.
enum Kid {
    Element(Ref),
    Mark { page: Ref, mark: i32 },
}

impl Writing<'_> {
    fn node(&mut self, node: &Node, parent: Ref) -> Ref {
        let id = self.refs.next();
        let mut kids = Vec::with_capacity(node.children.len());
        for child in &node.children {
            match child {
                Child::Node(node) => kids.push(Kid::Element(self.node(node, id))),
                Child::Piece(at) => kids.extend(self.own(*at, id)),
            }
        }
        let mut element = self.pdf.struct_element(id);
        element.kind(role(&node.part)).parent(parent);
        match &node.part {
            Part::Title(words) | Part::Heading(words) => {
                element.title(TextStr(words));
            }
            Part::Table(summary) => {
                element.attributes().push().table().summary(TextStr(summary));
            }
            Part::ColumnHead => {
                element.attributes().push().table().scope(TableHeaderScope::Column);
            }
            Part::RowHead => {
                element.attributes().push().table().scope(TableHeaderScope::Row);
            }
            Part::Paragraph | Part::Head | Part::Body | Part::Row | Part::Cell => {}
        }
        let mut list = element.children();
        for kid in kids {
            match kid {
                Kid::Element(child) => {
                    list.struct_element(child);
                }
                Kid::Mark { page, mark } => {
                    list.marked_content_ref().page(page).marked_content_id(mark);
                }
            }
        }
        id
    }

    /// The mark of a piece, which from now on belongs to this element.
    fn own(&mut self, at: usize, owner: Ref) -> Option<Kid> {
        let number = self.layout.pieces.get(at)?.page;
        let mark = self.marks.places.get(at).copied().flatten()?;
        let owners = self.marks.owners.get_mut(number)?;
        *owners.get_mut(usize::try_from(mark).ok()?)? = Some(owner);
        Some(Kid::Mark { page: *self.sheets.get(number)?, mark })
    }
}

const fn role(part: &Part) -> StructRole {
    match part {
        Part::Title(_) => StructRole::H1,
        Part::Heading(_) => StructRole::H2,
        Part::Paragraph => StructRole::P,
        Part::Table(_) => StructRole::Table,
        Part::Head => StructRole::THead,
        Part::Body => StructRole::TBody,
        Part::Row => StructRole::TR,
        Part::ColumnHead | Part::RowHead => StructRole::TH,
        Part::Cell => StructRole::TD,
    }
}

/// One entry for the title and one for each table.
fn outlines(pdf: &mut Pdf, refs: &mut Refs, outline: Ref, layout: &Layout, sheets: &[Ref]) {
    let items: Vec<Ref> = layout.outline.iter().map(|_| refs.next()).collect();
    let mut root = pdf.outline(outline);
    if let (Some(first), Some(last)) = (items.first(), items.last()) {
        root.first(*first).last(*last).count(count(items.len()));
    }
    root.finish();
    for (at, place) in layout.outline.iter().enumerate() {
        let (Some(id), Some(sheet)) = (items.get(at), sheets.get(place.page)) else { continue };
        let mut item = pdf.outline_item(*id);
        item.parent(outline).title(TextStr(&place.words));
        if let Some(before) = at.checked_sub(1).and_then(|before| items.get(before)) {
            item.prev(*before);
        }
        if let Some(next) = items.get(at + 1) {
            item.next(*next);
        }
        item.dest().page(*sheet).xyz(0.0, PAGE.1 - place.y, None);
    }
}
