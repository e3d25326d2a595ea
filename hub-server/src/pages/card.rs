//! An extractor's card: CommonMark from a stranger, as HTML that can do no harm.
//!
//! Of what the parser finds only known elements get through: HTML in the text is shown as the text
//! it is, a link leads to `http:`, `https:` or `mailto:` alone, an image is one of the release's
//! probe images. So there is nothing that a filter would have to find afterwards.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// A card as HTML. `image` gives the address of a file of the release that may be shown.
pub(crate) fn to_html(markdown: &str, image: impl Fn(&str) -> Option<String>) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut is_front_matter = false;
    let mut card = Card {
        image: &image,
        open: Vec::new(),
        tables: 0,
        shown: Vec::new(),
    };
    for event in Parser::new_ext(markdown, options) {
        match event {
            // For other programs; the page has the same from the manifest.
            Event::Start(Tag::MetadataBlock(_)) => is_front_matter = true,
            Event::End(TagEnd::MetadataBlock(_)) => is_front_matter = false,
            _ if is_front_matter => {}
            Event::Start(tag) => card.start(tag),
            Event::End(end) => card.end(end),
            Event::Html(text) | Event::InlineHtml(text) => card.shown.push(Event::Text(text)),
            Event::Text(_) | Event::Code(_) | Event::SoftBreak | Event::HardBreak | Event::Rule => {
                card.shown.push(event);
            }
            // Of extensions that are off.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                card.shown.push(Event::Text(text));
            }
            Event::TaskListMarker(_) => {}
        }
    }
    let mut written = String::new();
    html::push_html(&mut written, card.shown.into_iter());
    written
}

/// What of a card is shown so far.
struct Card<'a, 'i> {
    image: &'i dyn Fn(&str) -> Option<String>,
    /// Links and images whose ends are still to come: whether they are shown.
    open: Vec<bool>,
    tables: usize,
    shown: Vec<Event<'a>>,
}

impl<'a> Card<'a, '_> {
    fn start(&mut self, tag: Tag<'a>) {
        let shown = match tag {
            Tag::Link {
                link_type,
                dest_url,
                id,
                ..
            } => {
                let is_shown = is_harmless(&dest_url);
                self.open.push(is_shown);
                is_shown.then_some(Tag::Link {
                    link_type,
                    dest_url,
                    title: CowStr::Borrowed(""),
                    id,
                })
            }
            Tag::Image {
                link_type,
                dest_url,
                id,
                ..
            } => {
                let address = (self.image)(&dest_url);
                self.open.push(address.is_some());
                address.map(|address| Tag::Image {
                    link_type,
                    dest_url: address.into(),
                    title: CowStr::Borrowed(""),
                    id,
                })
            }
            // The page's own headings are above those of the card.
            Tag::Heading { level, .. } => Some(Tag::Heading {
                level: lower(level),
                id: None,
                classes: Vec::new(),
                attrs: Vec::new(),
            }),
            // A wide table scrolls by itself, also by keyboard.
            Tag::Table(alignments) => {
                self.tables += 1;
                let around = format!(
                    "<div class=\"scroll\" role=\"region\" aria-label=\"Table {} of the card\" tabindex=\"0\">",
                    self.tables
                );
                self.shown.push(Event::Html(around.into()));
                Some(Tag::Table(alignments))
            }
            // What is in it comes as text.
            Tag::HtmlBlock => Some(Tag::Paragraph),
            Tag::BlockQuote(_) => Some(Tag::BlockQuote(None)),
            Tag::CodeBlock(_)
            | Tag::Paragraph
            | Tag::List(_)
            | Tag::Item
            | Tag::TableHead
            | Tag::TableRow
            | Tag::TableCell
            | Tag::Emphasis
            | Tag::Strong
            | Tag::Strikethrough => Some(tag),
            _ => None,
        };
        self.shown.extend(shown.map(Event::Start));
    }

    fn end(&mut self, end: TagEnd) {
        let shown = match end {
            TagEnd::Link | TagEnd::Image => self.open.pop().unwrap_or(false).then_some(end),
            TagEnd::Heading(level) => Some(TagEnd::Heading(lower(level))),
            TagEnd::HtmlBlock => Some(TagEnd::Paragraph),
            TagEnd::BlockQuote(_) => Some(TagEnd::BlockQuote(None)),
            TagEnd::Table
            | TagEnd::CodeBlock
            | TagEnd::Paragraph
            | TagEnd::List(_)
            | TagEnd::Item
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::TableCell
            | TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough => Some(end),
            _ => None,
        };
        self.shown.extend(shown.map(Event::End));
        if end == TagEnd::Table {
            self.shown.push(Event::Html(CowStr::Borrowed("</div>")));
        }
    }
}

/// `#` is the third level of the page, all below the fifth are the sixth.
fn lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

/// Whether an address leads to another page or a mailbox, and can run nothing.
fn is_harmless(address: &str) -> bool {
    let scheme = address.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        ["http", "https", "mailto"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(markdown: &str) -> String {
        let image = |path: &str| (path == "probes/a.png").then(|| "/probe/a.png".to_owned());
        to_html(markdown, image)
    }

    #[test]
    fn what_a_card_is_made_of() {
        assert_eq!(
            shown("# Name\n\nA *card* with `code`."),
            "<h3>Name</h3>\n<p>A <em>card</em> with <code>code</code>.</p>\n"
        );
        assert_eq!(
            shown("---\nlicense: mit\ntags: [a, b]\n---\n\n# Name\n\n---\n"),
            "<h3>Name</h3>\n<hr />\n",
            "front matter is for other programs"
        );
        assert!(shown("| a |\n|---|\n| 1 |").contains("<th>a</th>"));
        assert!(shown("[x](https://a.example/)").contains("<a href=\"https://a.example/\">x</a>"));
        assert!(shown("![a](probes/a.png)").contains("<img src=\"/probe/a.png\" alt=\"a\""));
    }

    #[test]
    fn what_a_card_cannot_do() {
        for (markdown, expected) in [
            (
                "<script>alert(1)</script>",
                "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n",
            ),
            ("a <b onclick=x>", "<p>a &lt;b onclick=x&gt;</p>\n"),
            ("[x](javascript:alert(1))", "<p>x</p>\n"),
            ("[x](JavaScript:alert(1))", "<p>x</p>\n"),
            ("[x](data:text/html,y)", "<p>x</p>\n"),
            ("[x](/logout)", "<p>x</p>\n"),
            ("![x](https://a.example/x.png)", "<p>x</p>\n"),
            ("![x](../../login)", "<p>x</p>\n"),
        ] {
            assert_eq!(shown(markdown), expected, "{markdown}");
        }
        // In a link's address and in a code's language, too, a quote is only text.
        for markdown in [
            "[x](<https://a.example/\" onclick=\"y>)",
            "```\" onclick=\"y\ncode\n```",
            "![\" onclick=\"y](probes/a.png)",
        ] {
            assert!(!shown(markdown).contains("\" onclick"), "{markdown}");
        }
    }

    proptest! {
        #[test]
        fn no_element_is_opened_that_is_not_known(markdown in "[-a-z<>!\\[\\]()#*`|:/\"'= \n]{0,200}") {
            let html = shown(&markdown);
            let known = [
                "p", "h3", "h4", "h5", "h6", "em", "strong", "del", "code", "pre", "a", "img", "ul", "ol",
                "li", "blockquote", "hr", "br", "table", "thead", "tbody", "tr", "th", "td", "div",
            ];
            for (at, _) in html.match_indices('<') {
                let rest = html[at + 1..].trim_start_matches('/');
                let name: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
                prop_assert!(known.contains(&name.as_str()), "<{name} in {html}");
            }
        }
    }
}
