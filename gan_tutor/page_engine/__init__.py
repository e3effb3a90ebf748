"""The library's own GAN step, compiled for a web page: recipe -> traced programs -> C -> WebAssembly.

`bundle.build(recipe, folder)` writes one file that a page loads. It holds every program a pair of networks needs, for
every loss, penalty and optimiser of the library. What compiles is the extra "page":
`pip install "gan-tutor[page]"`. `programs` says what is computed, `lowering` how it becomes bytes.
"""
