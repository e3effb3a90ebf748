"""`python -m gan_tutor` is `gan-tutor`."""

from gan_tutor.cli import main

main()
