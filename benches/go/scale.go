package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	auth "github.com/libauth/libauth/bindings/go"
)

// scale prints what a verification of an RS256 token costs when many goroutines verify, and what it
// allocates. Every token is verified in full: libauth keeps no verdicts.
func scale() error {
	key, err := newSigner("bench", 2048, `,"alg":"RS256","use":"sig"`)
	if err != nil {
		return err
	}
	w := newWorld(key)
	defer w.Close()
	tokens := make([]string, 64)
	for place := range tokens {
		tokens[place], err = key.token(`{"alg":"RS256","kid":"bench","typ":"at+jwt"}`, w.claims(fmt.Sprint("user-", place)))
		if err != nil {
			return err
		}
	}
	a, err := w.libauth()
	if err != nil {
		return err
	}
	defer a.Close()
	verdict, err := a.Verify(context.Background(), tokens[0])
	if err != nil {
		return err
	}

	fmt.Println("| goroutines | verifications/s | to 1 | CPU a verification, µs | to 1 |\n| --- | --- | --- | --- | --- |")
	counts := []int{1, 2, 100, 1000}
	rates, costs := make([]float64, len(counts)), make([]float64, len(counts))
	for round := range 9 { // in turns, so that what else runs meets all of them
		for place, goroutines := range counts {
			rate, cost, err := parallel(a, tokens, goroutines, 300*time.Millisecond)
			if err != nil {
				return err
			}
			rates[place] = max(rates[place], rate)
			if round == 0 || cost < costs[place] {
				costs[place] = cost
			}
		}
	}
	for place, goroutines := range counts {
		fmt.Printf("| %d | %.0f | %.2f | %.1f | %.2f |\n", goroutines, rates[place], rates[place]/rates[0], costs[place], costs[place]/costs[0])
	}
	fmt.Printf("%d processors\n\n", runtime.GOMAXPROCS(0))
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a.Verify(context.Background(), tokens[0])
		}
	})
	fmt.Printf("%d allocations of together %d bytes a verification; the claims have %d bytes\n",
		allocated.AllocsPerOp(), allocated.AllocedBytesPerOp(), len(verdict.RawClaims()))
	return nil
}

// parallel returns verifications a second, and the microseconds of CPU time that one takes.
func parallel(a *auth.Auth, tokens []string, goroutines int, long time.Duration) (rate, cost float64, err error) {
	var count, failed atomic.Int64
	var all sync.WaitGroup
	spent, began := cpu(), time.Now()
	for first := range goroutines {
		all.Go(func() {
			for place := first; time.Since(began) < long; place++ {
				if _, err := a.Verify(context.Background(), tokens[place%len(tokens)]); err != nil {
					failed.Add(1)
				}
				count.Add(1)
			}
		})
	}
	all.Wait()
	if failed.Load() > 0 {
		return 0, 0, fmt.Errorf("%d good tokens were refused", failed.Load())
	}
	verifications := float64(count.Load())
	return verifications / time.Since(began).Seconds(), float64((cpu() - spent).Microseconds()) / verifications, nil
}

// cpu is the time that the process has had of all processors.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
