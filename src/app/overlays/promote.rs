//! The page of promotions: the gate and what would change; what was promoted here, and the way back.

use std::cell::Cell;

use super::decide::{Decide, Decision};
use crate::app::field::Field;
use crate::app::keys::Verb;
use crate::app::promotion::{self, Check, Difference, Promotion, Review, Way};
use crate::app::reads::QueryError;
use crate::app::screen::{Effect, Offer, Screen};
use crate::app::slot::{Desk, Reader, Slot, Waiting};
use crate::app::table::{Column, Listing, Table};
use crate::app::view::{Empty, Line, Lines, Read, Sharing, TablePart, TextPart, Tone, View};
use crate::app::world::World;
use crate::app::write::Write;
use crate::frame::{Frame, Value, schema};
use crate::model::Environment;

/// What is on the page of what could be promoted.
struct Outlook {
    checks: Vec<Check>,
    difference: Difference,
    digest: String,
    is_there: bool,
}

/// The way out of the environment, and what came into it.
struct Page {
    outlook: Option<Outlook>,
    history: Vec<Promotion>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Out,
    In,
}

struct Promote {
    env: Environment,
    way: Option<Way>,
    side: Side,
    page: Slot<(), Page>,
    back: Slot<String, Difference>,
    checks: Table,
    changes: Table,
    history: Table,
    on_changes: bool,
    made_of: u64,
    scroll: Cell<usize>,
}

/// The page of the environment that is looked at.
pub fn of(world: &World) -> Effect {
    let env = world.settings.env;
    let way = Way::out_of(env);
    let side = if way.is_some() { Side::Out } else { Side::In };
    Effect::Open(Box::new(Promote {
        env,
        way,
        side,
        page: Slot::default(),
        back: Slot::default(),
        checks: Table::new("promotion-gate", &[]),
        changes: Table::new("promotion-changes", &[]),
        history: Table::new("promotions", &["-promoted_at"]),
        on_changes: false,
        made_of: 0,
        scroll: Cell::new(0),
    }))
}

fn read(reader: &Reader<'_>, way: Option<Way>) -> Result<Page, QueryError> {
    let outlook = |way: Way| -> Result<Outlook, QueryError> {
        let review = Review::of(reader.lake, reader.settings, way, None)?;
        let (digest, is_there) = (review.evidence.digest(), review.is_there);
        Ok(Outlook { checks: review.gate.0, difference: review.difference, digest, is_there })
    };
    Ok(Page { outlook: way.map(outlook).transpose()?, history: promotion::promotions(reader.lake)? })
}

impl Promote {
    /// Whether something comes into the environment, and goes on from it.
    fn has_both_sides(&self) -> bool {
        self.way.is_some() && Way::into(self.env).is_some()
    }

    fn outlook(&self) -> Option<&Outlook> {
        self.page.ready().and_then(|page| page.outlook.as_ref())
    }

    fn shown_promotion(&self) -> Option<&Promotion> {
        let rows = self.history.rows();
        let id = rows.text("promotion_id", self.history.selected()?)?;
        self.page.ready()?.history.iter().find(|promotion| promotion.id == id)
    }

    fn fill(&mut self) {
        let Some(page) = self.page.ready() else { return };
        let (fields, rows) = promotion::table(&page.history);
        self.history.fill(Listing {
            rows: Frame::from_rows(&fields, &rows).unwrap_or_default(),
            columns: vec![
                Column::plain("promoted_at", "when").priority(1),
                Column::plain("kind", "what").priority(2),
                Column::plain("delivery_month", "month").priority(1),
                Column::text("account", "by").priority(2),
                Column::text("reason", "why").priority(0),
                Column::text("promotion_id", "promotion").priority(4),
                Column::plain("from_env", "from").priority(5),
            ],
            key: &["promotion_id"],
            paint: |rows, field, row| match (field, rows.text("kind", row).as_deref()) {
                ("kind", Some("rollback")) => Tone::Warn,
                ("promotion_id" | "from_env", _) => Tone::Dim,
                _ => Tone::Text,
            },
        });
        let Some(outlook) = &page.outlook else { return };
        let fields = schema::columns![sign Text, what Text, detail Text, next_step Text];
        let row = |check: &Check| {
            let sign = if check.holds { "●" } else { "■" };
            [sign, check.what, &check.detail, &check.next_step].map(|text| Value::Text(text.to_owned())).to_vec()
        };
        let rows: Vec<_> = outlook.checks.iter().map(row).collect();
        self.checks.fill(Listing {
            rows: Frame::from_rows(&fields, &rows).unwrap_or_default(),
            columns: vec![
                Column::plain("sign", "").priority(0),
                Column::plain("what", "must hold").priority(0),
                Column::text("detail", "seen").priority(0).least(16),
                Column::text("next_step", "next").priority(2).least(16),
            ],
            key: &["what"],
            paint: |rows, field, row| match (field, rows.text("sign", row).as_deref()) {
                ("sign" | "detail", Some("■")) => Tone::Bad,
                ("sign", _) => Tone::Good,
                ("next_step", _) => Tone::Dim,
                _ => Tone::Text,
            },
        });
        let (fields, rows) = outlook.difference.table();
        self.changes.fill(Listing {
            rows: Frame::from_rows(&fields, &rows).unwrap_or_default(),
            columns: vec![
                Column::text("what", "what").priority(0),
                Column::count("before", "before").priority(1),
                Column::count("after", "after").priority(1),
                Column::count("added", "added").priority(2),
                Column::count("changed", "changed").priority(2),
                Column::count("removed", "removed").priority(2),
            ],
            key: &["what"],
            paint: |_, _, _| Tone::Text,
        });
    }

    fn promote(&self) -> Effect {
        let (Some(way), Some(outlook)) = (self.way, self.outlook()) else {
            return Effect::Say("the gate is being looked at".into());
        };
        if let Some(shut) = outlook.checks.iter().find(|check| !check.holds) {
            return Effect::Say(format!("the gate is shut: {}: {}; {}", shut.what, shut.detail, shut.next_step));
        }
        if outlook.is_there {
            return Effect::Say(format!("{} shows this already: nothing to promote", way.to));
        }
        let reviewed = outlook.digest.clone();
        let write = move |reason: String, _| Write::Promote { way, reviewed: reviewed.clone(), reason };
        let title = format!("Promote to {}", way.to.as_str().to_uppercase());
        Effect::Open(dialog(title, changes_in_words(&outlook.difference), "promote", Box::new(write)))
    }

    fn roll_back(&self) -> Effect {
        let Some(promotion) = self.shown_promotion() else { return Effect::Say("no promotion is selected".into()) };
        let Some(difference) = self.back.ready() else { return Effect::Say("what would change is being looked at".into()) };
        if difference.is_nothing() {
            return Effect::Say(format!("{} shows this already: nothing to take back", self.env));
        }
        let to = promotion.id.clone();
        let write = move |reason: String, _| Write::Rollback { to: to.clone(), reason };
        let title = format!("Roll {} back", self.env.as_str().to_uppercase());
        let when = promotion.promoted_at.map_or(String::new(), |at| format!(" on {at}"));
        let month = promotion.month.as_deref().unwrap_or("no month");
        let mut told = vec![format!("to the {} of {month}{when}", promotion.kind)];
        told.extend(changes_in_words(difference));
        Effect::Open(dialog(title, told, "roll back", Box::new(write)))
    }

    fn lines_of_promotion(&self) -> Vec<Line> {
        let Some(promotion) = self.shown_promotion() else { return Vec::new() };
        let mut lines =
            vec![Line::named("promotion", promotion.id.clone()), Line::named("evidence", promotion.evidence_digest.clone())];
        if let Some(source) = &promotion.source_promotion {
            lines.push(Line::named("source", format!("{} of {}", source, promotion.from)));
        }
        match self.back.ready() {
            None => lines.push(Line::of(Tone::Dim, "what a rollback to it would change is being looked at")),
            Some(difference) if difference.is_nothing() => lines.push(Line::of(Tone::Good, "● this is what is shown")),
            Some(difference) => {
                lines.push(Line::of(Tone::Warn, "a rollback to it would change"));
                lines.extend(changes_in_words(difference).into_iter().map(|line| Line::of(Tone::Text, format!("  {line}"))));
            }
        }
        lines
    }
}

/// What changes, in a few lines.
fn changes_in_words(difference: &Difference) -> Vec<String> {
    let entity = |what: &str, of: promotion::EntityDifference| {
        format!("{what}: {} added, {} changed, {} removed", of.added, of.changed, of.removed)
    };
    let (before, after) = difference.decisions;
    vec![
        entity("feeders", difference.feeders),
        entity("DERs", difference.ders),
        format!("{} tables get other files; decisions {before} → {after}", difference.tables.len()),
    ]
}

impl Screen for Promote {
    fn title(&self) -> String {
        match (self.side, self.way) {
            (Side::Out, Some(way)) => format!("{} → {}", way.from, way.to),
            _ => format!("Promotions into {}", self.env),
        }
    }

    fn purpose(&self) -> &'static str {
        "What could be promoted, what must hold before, what it changes; and what was promoted here, with the way back."
    }

    fn legend(&self) -> &'static [(&'static str, &'static str)] {
        &[("●", "it holds"), ("■", "it does not: the gate is shut")]
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        let act = if self.side == Side::Out { (Verb::Promote, "promote") } else { (Verb::Enter, "roll back to it") };
        let mut offers = vec![act, (Verb::NextPart, "other list"), (Verb::Back, "back")];
        if self.has_both_sides() {
            offers.insert(1, (Verb::Toggle, if self.side == Side::Out { "what came in" } else { "what could go on" }));
        }
        offers
    }

    fn settle(&mut self, _: &World, desk: &mut Desk) {
        let way = self.way;
        self.page.want(desk, (), move |reader| read(reader, way));
        if self.made_of != self.page.answers() {
            self.made_of = self.page.answers();
            self.fill();
        }
        match self.shown_promotion().map(|promotion| promotion.id.clone()).filter(|_| self.side == Side::In) {
            Some(id) => {
                self.back.want_at_rest(
                    desk,
                    id.clone(),
                    move |reader| Ok(promotion::plan_rollback(reader.lake, &id)?.difference),
                );
            }
            None => self.back.clear(),
        }
    }

    fn slots(&mut self) -> Vec<&mut dyn Waiting> {
        vec![&mut self.page, &mut self.back]
    }

    fn act(&mut self, verb: Verb, _: &World) -> Option<Vec<Effect>> {
        match (verb, self.side) {
            (Verb::Promote | Verb::Enter, Side::Out) => Some(vec![self.promote()]),
            (Verb::Promote | Verb::Enter, Side::In) => Some(vec![self.roll_back()]),
            (Verb::Toggle | Verb::ToggleBack, side) if self.has_both_sides() => {
                self.side = if side == Side::Out { Side::In } else { Side::Out };
                Some(Vec::new())
            }
            (Verb::NextPart | Verb::PreviousPart, Side::Out) => {
                self.on_changes = !self.on_changes;
                Some(Vec::new())
            }
            _ => None,
        }
    }

    fn table(&self) -> Option<&Table> {
        Some(match (self.side, self.on_changes) {
            (Side::In, _) => &self.history,
            (Side::Out, true) => &self.changes,
            (Side::Out, false) => &self.checks,
        })
    }

    fn table_mut(&mut self) -> Option<&mut Table> {
        Some(match (self.side, self.on_changes) {
            (Side::In, _) => &mut self.history,
            (Side::Out, true) => &mut self.changes,
            (Side::Out, false) => &mut self.checks,
        })
    }

    fn focus(&mut self, part: usize) {
        self.on_changes = part == 1;
    }

    fn scroll(&self) -> Option<&Cell<usize>> {
        (self.side == Side::In).then_some(&self.scroll)
    }

    fn view<'a>(&'a self, _: &'a World) -> View<'a> {
        let read = || Read::from(self.page.remote());
        if self.side == Side::In {
            let empty = Empty::new(Tone::Dim, format!("nothing was promoted into {} yet", self.env), "");
            let list = View::Table(TablePart {
                title: format!("Promotions into {}", self.env),
                from: "ops/promotions",
                read: read(),
                table: &self.history,
                empty,
                focused: true,
            });
            let text = View::Text(TextPart {
                title: "The selected one".into(),
                from: "ops/promotions",
                read: read(),
                lines: self.lines_of_promotion(),
                scroll: &self.scroll,
            });
            return list.with(Sharing { beside_from: 140, width: 45, lines: Lines::Lower(10), below_from: 12 }, text);
        }
        let to = self.way.map_or_else(String::new, |way| way.to.to_string());
        let digest = self.outlook().map_or_else(String::new, |outlook| format!(" · evidence {}", &outlook.digest[..16]));
        let gate = View::Table(TablePart {
            title: format!("Gate{digest}"),
            from: "ops/rule_results · ops/runs · all tables",
            read: read(),
            table: &self.checks,
            empty: Empty::default(),
            focused: !self.on_changes,
        });
        let changes = View::Table(TablePart {
            title: format!("What would change in {to}"),
            from: "all tables",
            read: read(),
            table: &self.changes,
            empty: Empty::new(Tone::Dim, "nothing would change", ""),
            focused: self.on_changes,
        });
        gate.with(Sharing { beside_from: u16::MAX, width: 50, lines: Lines::Upper(8), below_from: 12 }, changes)
    }
}

/// The dialog before something is promoted or taken back.
fn dialog(title: String, told: Vec<String>, what: &'static str, decision: Decision) -> Box<dyn Screen> {
    Box::new(Decide {
        title,
        purpose: "A decision that everybody sees: who and why stay in `ops/promotions`.",
        from: "ops/promotions",
        lines: u16::try_from(told.len() + 5).unwrap_or(12),
        told: told.into_iter().map(|line| Line::of(Tone::Text, line)).collect(),
        what,
        working: Some("nothing is seen of it before all of it is there"),
        decision,
        reason: Field::default(),
        days: None,
        scroll: Cell::new(0),
    })
}
