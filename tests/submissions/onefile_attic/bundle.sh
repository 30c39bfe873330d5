#!/bin/sh
# ./bundle.sh UTID
zip -r "$1.zip" hw3 -x 'hw3/attic/*' -x '*/__pycache__/*' -x '*checkpoint-*' -x 'hw3/test_*'
