//! Pane 5: what does not hold of a month, since when, and who has acknowledged it.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::window;
use crate::app::reads::checks::Checked;
use crate::app::{App, Rules};
use crate::model::Severity;
use crate::pipeline::rules::RuleState;
use crate::ui::draw::{message, titled};
use crate::ui::text::{count, fit, left, right};
use crate::ui::theme::Theme;

pub fn draw(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, rules: &Rules) {
    let Some(month) = rules.month() else {
        return message(
            frame,
            area,
            theme.warn,
            theme,
            "no month was checked yet",
            "press r to load, or run `feederscope check`",
        );
    };
    let [list, detail] = Layout::vertical([Constraint::Min(4), Constraint::Length(9)]).areas(area);
    let open = |severity| rules.count(|checked| checked.is_open() && checked.severity == severity);
    let title = format!(
        "{month} · {} errors · {} warnings · {} acknowledged · {} passed",
        open(Severity::Error),
        open(Severity::Warning),
        rules.count(|checked| checked.acknowledged.is_some()),
        rules.count(|checked| checked.state == RuleState::Passed),
    );
    let block = titled(&title, "ops/rule_results", &app.rules, theme);
    let inside = block.inner(list);
    frame.render_widget(block, list);
    let shown = rules.shown();
    if shown.is_empty() {
        frame.render_widget(Paragraph::new(" every rule holds; v shows them").style(theme.good), inside);
    } else {
        let width = usize::from(inside.width);
        let state = state_width(&shown, theme);
        let heading = format!(
            " {}{}{}{}{}",
            left("", state),
            left("rule", rule_width(width, state)),
            left("utility", 10),
            left("of", 12),
            right("failed", 8)
        );
        let mut lines = vec![Line::styled(fit(&heading, width), theme.dim)];
        let height = usize::from(inside.height).saturating_sub(1);
        lines.extend(window(rules.at, shown.len(), height).map(|at| line(shown[at], theme, at == rules.at, (width, state))));
        frame.render_widget(Paragraph::new(lines), inside);
    }
    if let Some(checked) = rules.selected() {
        let block = titled(&checked.rule, "rule", &app.rules, theme).title_bottom("");
        let inside = block.inner(detail);
        frame.render_widget(block, detail);
        frame.render_widget(Paragraph::new(said(checked, app, theme)).wrap(Wrap { trim: true }), inside);
    }
}

/// The column of the longest state that is shown, with its sign and a gap.
fn state_width(shown: &[&Checked], theme: &Theme) -> usize {
    shown.iter().map(|checked| state_style(checked, theme).2.chars().count() + 3).max().unwrap_or(0).max(12)
}

/// What the other columns leave to the rule's name, and to a gap and the sign that more follows, which must not pass for a digit.
fn rule_width(width: usize, state: usize) -> usize {
    width.saturating_sub(1 + state + 10 + 12 + 8 + 2).clamp(16, 34)
}

fn state_style(checked: &Checked, theme: &Theme) -> (Style, &'static str, &'static str) {
    match (checked.state, checked.acknowledged.is_some(), checked.severity) {
        (RuleState::Failed, true, _) => (theme.dim, "◇", "acknowledged"),
        (RuleState::Failed, _, Severity::Error) => (theme.bad, "■", "error"),
        (RuleState::Failed, _, Severity::Warning) => (theme.warn, "▲", "warning"),
        (RuleState::Failed, _, Severity::Info) => (theme.accent, "●", "info"),
        (RuleState::CouldNotCheck, ..) => (theme.bad, "?", "unchecked"),
        (RuleState::NotEnoughHistory, ..) => (theme.dim, "·", "no history"),
        (RuleState::Passed, ..) => (theme.good, "●", "passed"),
        (RuleState::NothingDelivered | RuleState::NotStated, ..) => (theme.dim, "·", "–"),
    }
}

fn line(checked: &Checked, theme: &Theme, selected: bool, (width, state_width): (usize, usize)) -> Line<'static> {
    let (state, glyph, word) = state_style(checked, theme);
    let style = |style: Style| if selected { theme.selection } else { style };
    let failed = if checked.state == RuleState::Failed { count(checked.failed) } else { String::new() };
    let since =
        checked.failing_since.filter(|since| *since < checked.month).map_or(String::new(), |since| format!("  since {since}"));
    let detail = checked.detail.as_ref().map_or(String::new(), |detail| format!("  {detail}"));
    let rest = format!(
        "{}{}{}{}{since}{detail}",
        left(&checked.rule, rule_width(width, state_width)),
        left(&checked.utility, 10),
        left(&checked.dataset, 12),
        right(&failed, 8)
    );
    Line::from(vec![
        Span::styled(format!(" {}", left(&format!("{glyph} {word}"), state_width)), style(state)),
        Span::styled(fit(&rest, width.saturating_sub(1 + state_width)), style(theme.text)),
    ])
}

fn said(checked: &Checked, app: &App, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let rule = app.settings.rules.rule(&checked.rule);
    if let Some(rule) = rule {
        lines.push(Line::styled(rule.description.clone(), theme.text));
    }
    let looked = format!(
        "{} of {} fail, {} may · severity {}{}",
        count(checked.failed),
        count(checked.checked),
        checked.threshold,
        checked.severity,
        checked.failing_since.map_or(String::new(), |since| format!(" · failing since {since}"))
    );
    lines.push(Line::styled(looked, theme.dim));
    lines.extend(checked.detail.clone().map(|detail| Line::styled(detail, theme.text)));
    if let Some(decision) = &checked.acknowledged {
        let text = format!("acknowledged by {} until {}: {}", decision.account, decision.expires_on, decision.reason);
        lines.push(Line::styled(text, theme.good));
    }
    if let Some(rule) = rule {
        lines.push(Line::styled(format!("next: {} ({})", rule.next_step, rule.owner), theme.accent));
    }
    lines
}
