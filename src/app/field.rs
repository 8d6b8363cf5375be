//! The one field that text is typed into.

/// A text and the place in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    text: String,
    /// Characters before the cursor.
    at: usize,
}

impl Field {
    /// A field with a text, the cursor behind it.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { at: text.chars().count(), text }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text before the cursor and that behind it.
    pub fn parts(&self) -> (&str, &str) {
        self.text.split_at(self.byte(self.at))
    }

    fn byte(&self, at: usize) -> usize {
        self.text.char_indices().nth(at).map_or(self.text.len(), |(byte, _)| byte)
    }

    /// Puts a text in at the cursor; line ends become blanks, so that a paste is one line and never a key.
    pub fn insert(&mut self, text: &str) {
        let text = text.trim_end_matches(['\r', '\n']).replace("\r\n", " ").replace(['\r', '\n', '\t'], " ");
        let at = self.byte(self.at);
        self.text.insert_str(at, &text);
        self.at += text.chars().count();
    }

    /// Removes the character before the cursor.
    pub fn backspace(&mut self) {
        if self.at > 0 {
            self.at -= 1;
            let at = self.byte(self.at);
            self.text.remove(at);
        }
    }

    /// Removes the character behind the cursor.
    pub fn delete(&mut self) {
        if !self.parts().1.is_empty() {
            self.step(1);
            self.backspace();
        }
    }

    /// Removes the word before the cursor.
    pub fn delete_word(&mut self) {
        while self.parts().0.ends_with(' ') {
            self.backspace();
        }
        while self.parts().0.chars().next_back().is_some_and(|c| c != ' ') {
            self.backspace();
        }
    }

    /// Removes what is before the cursor.
    pub fn clear(&mut self) {
        self.text = self.parts().1.to_owned();
        self.at = 0;
    }

    /// Moves the cursor by characters.
    pub fn step(&mut self, by: isize) {
        self.at = self.at.saturating_add_signed(by).min(self.text.chars().count());
    }

    /// Moves the cursor to the end.
    pub fn end(&mut self) {
        self.at = self.text.chars().count();
    }

    /// Moves the cursor to the beginning.
    pub const fn home(&mut self) {
        self.at = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_edited_by_characters_and_a_paste_is_one_line() {
        let mut field = Field::new("größe");
        field.step(-1);
        field.backspace();
        field.insert("s\r\nb\n");
        assert_eq!((field.text(), field.parts().1), ("grös be", "e"));
        field.delete_word();
        assert_eq!(field.text(), "grös e");
        field.clear();
        assert_eq!(field.text(), "e");
        for _ in 0..3 {
            field.step(-1);
            field.backspace();
        }
        field.home();
        assert_eq!(field.text(), "e");
    }
}
