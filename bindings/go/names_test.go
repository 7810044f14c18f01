package auth

import (
	"encoding/json"
	"math/rand"
	"strings"
	"testing"
	"unicode"
)

// Claims that are read once alone are never such that two names are one.
func TestPlainNamesAreNotAmbiguous(t *testing.T) {
	const seed = 1
	random := rand.New(rand.NewSource(seed))
	letters := []string{"a", "A", "s", "ſ", "k", "\u212a", `"`, `\`, ":", " ", "é", "É", "{", "}", ",", "<"}
	text := func() string {
		return strings.Repeat(letters[random.Intn(2)], random.Intn(2)) + letters[random.Intn(len(letters))]
	}
	var value func(depth int) any
	value = func(depth int) any {
		switch {
		case depth == 0:
			return text()
		case random.Intn(3) == 0:
			return []any{value(depth - 1), value(depth - 1)}
		}
		return map[string]any{text(): value(depth - 1), text(): value(depth - 1), text(): text()}
	}
	plain, ambiguous := 0, 0
	for range 20_000 {
		claims := value(2)
		compact, _ := json.Marshal(claims)
		spaced, _ := json.MarshalIndent(claims, " ", "\t")
		for _, written := range []string{string(compact), string(spaced), strings.ReplaceAll(string(spaced), `":`, "\" \n:")} {
			if plainNames(written) {
				plain++
				if ambiguousNames(claims) {
					t.Fatal(written)
				}
			}
		}
		if ambiguousNames(claims) {
			ambiguous++
		}
	}
	if plain < 100 || ambiguous < 100 {
		t.Error(plain, "plain,", ambiguous, "ambiguous: too few to tell")
	}
}

func TestFold(t *testing.T) {
	for r := range unicode.MaxRune {
		if fold(r) != fold(unicode.SimpleFold(r)) || !strings.EqualFold(string(r), string(fold(r))) {
			t.Fatalf("%U", r)
		}
	}
}
