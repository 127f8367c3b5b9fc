// A program that is a probe: its exit code says how its target is, and the first line of its output why, as plug-ins for Nagios do.
//
//	value-probe -w WARNING -c CRITICAL [-l LABEL] [-u UNIT] VALUE
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
)

// What an exit code says.
const (
	ok = iota
	warning
	critical
	unknown
)

var words = [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}

func main() {
	warn := flag.Float64("w", 0, "the least `value` that is a warning")
	crit := flag.Float64("c", 0, "the least `value` that is critical")
	label := flag.String("l", "value", "what it is called")
	unit := flag.String("u", "", "its unit, such as ms")
	flag.Parse()
	value, err := strconv.ParseFloat(flag.Arg(0), 64)
	if err != nil || flag.NArg() != 1 || *crit == 0 {
		fmt.Println("VALUE UNKNOWN - usage: value-probe -w WARNING -c CRITICAL [-l LABEL] [-u UNIT] VALUE")
		os.Exit(unknown)
	}

	// TODO: this is where your own examination goes. Here: a number that was given.
	status := ok
	if value >= *crit {
		status = critical
	} else if value >= *warn {
		status = warning
	}

	// What follows the bar are measurements: name, value and unit, and the bounds that were given.
	fmt.Printf("VALUE %s - %s is %g%s | '%s'=%g%s;%g;%g\n", words[status], *label, value, *unit, *label, value, *unit, *warn, *crit)
	os.Exit(status)
}
