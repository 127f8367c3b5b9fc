/* A program that is a probe: its exit code says how its target is, and the first line of its output why, as plug-ins for Nagios do.
 *
 *   value-probe -w WARNING -c CRITICAL [-l LABEL] [-u UNIT] VALUE
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OK, WARNING, CRITICAL, UNKNOWN };

static const char *const WORDS[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

int main(int argc, char **argv)
{
    const char *warning = NULL, *critical = NULL, *label = "value", *unit = "";
    for (int option; (option = getopt(argc, argv, "w:c:l:u:")) != -1;)
        switch (option) {
        case 'w': warning = optarg; break;
        case 'c': critical = optarg; break;
        case 'l': label = optarg; break;
        case 'u': unit = optarg; break;
        }
    if (!warning || !critical || optind + 1 != argc) {
        puts("VALUE UNKNOWN - usage: value-probe -w WARNING -c CRITICAL [-l LABEL] [-u UNIT] VALUE");
        return UNKNOWN;
    }

    /* TODO: this is where your own examination goes. Here: a number that was given. */
    double value = strtod(argv[optind], NULL);

    int status = value >= strtod(critical, NULL) ? CRITICAL : value >= strtod(warning, NULL) ? WARNING : OK;
    /* What follows the bar are measurements: name, value and unit, and the bounds that were given. */
    printf("VALUE %s - %s is %g%s | '%s'=%g%s;%s;%s\n", WORDS[status], label, value, unit, label, value, unit, warning, critical);
    return status;
}
