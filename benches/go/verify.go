package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"
)

// verify measures one row: a window for each line of its input.
func verify(row, path string) error {
	place := folder(path)
	p, err := place.provider()
	if err != nil {
		return err
	}
	accepts, label, err := p.named(row)
	if err != nil {
		return err
	}
	tokens, err := checked(place, accepts)
	if err != nil {
		return err
	}
	fmt.Println("ready", label)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var algorithm string
		var milliseconds int
		if _, err := fmt.Sscan(lines.Text(), &algorithm, &milliseconds); err != nil {
			return err
		}
		figure, err := window(accepts, tokens[algorithm], time.Duration(milliseconds)*time.Millisecond)
		if err != nil {
			return err
		}
		fmt.Printf("%.1f\n", figure)
	}
	return nil
}

// checked gets the tokens, and ends where the verifier is wrong about one.
func checked(place folder, accepts verifier) (map[string][]string, error) {
	tokens := map[string][]string{}
	for _, algorithm := range algorithms {
		lines, err := place.lines(algorithm)
		if err != nil {
			return nil, err
		}
		tokens[algorithm] = lines
		for _, token := range lines {
			if err := accepts(token); err != nil {
				return nil, fmt.Errorf("%s is refused: %w", algorithm, err)
			}
		}
	}
	refused, err := place.lines("refused")
	if err != nil {
		return nil, err
	}
	for place, token := range refused {
		if accepts(token) == nil {
			return nil, fmt.Errorf("line %d of refused is accepted", place+1)
		}
	}
	return tokens, nil
}

// window returns nanoseconds a verification.
func window(accepts verifier, tokens []string, long time.Duration) (float64, error) {
	round := func() error {
		for _, token := range tokens {
			if err := accepts(token); err != nil {
				return err
			}
		}
		return nil
	}
	if err := round(); err != nil {
		return 0, err
	}
	count, began := 0, time.Now()
	for time.Since(began) < long {
		if err := round(); err != nil {
			return 0, err
		}
		count += len(tokens)
	}
	return float64(time.Since(began).Nanoseconds()) / float64(count), nil
}

func version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if strings.HasPrefix(dependency.Path, module) {
			return strings.TrimPrefix(dependency.Version, "v")
		}
	}
	return "?"
}
