// Two goroutines play ping-pong over two unbuffered channels.
//
// Arguments: rounds of a batch, batches that do not count, batches that do.
// Prints the nanoseconds of one switch, a number for each batch that counts.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

func argument(index int) int {
	value, err := strconv.Atoi(os.Args[index])
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	rounds, warmUp, counting := argument(1), argument(2), argument(3)
	batches := warmUp + counting
	// One thread, as everybody else here has: else the other goroutine may be woken on another core.
	runtime.GOMAXPROCS(1)
	there, back, pongs := make(chan struct{}), make(chan struct{}), make(chan int)
	go func() {
		count := 0
		for range there {
			count++
			back <- struct{}{}
		}
		pongs <- count
	}()
	samples := make([]float64, 0, batches)
	for batch := 0; batch < batches; batch++ {
		began := time.Now()
		for round := 0; round < rounds; round++ {
			there <- struct{}{}
			<-back
		}
		samples = append(samples, float64(time.Since(began).Nanoseconds())/float64(2*rounds))
	}
	close(there)
	if count := <-pongs; count != batches*rounds {
		panic(fmt.Sprintf("pongs: %d", count))
	}
	if err := json.NewEncoder(os.Stdout).Encode(samples[warmUp:]); err != nil {
		panic(err)
	}
}
